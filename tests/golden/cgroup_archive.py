"""Control groups, containers and processes from what `talosctl cgroups` shows of them: the inverse of its output."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Sequence

from talos.api import machine_pb2 as pb

_LINE = re.compile(r"(?P<edges>[│├└─ ]*)(?P<name>\S+)")


def of(lines: Sequence[str], header: str) -> tuple[bytes, pb.ContainersResponse, pb.ProcessesResponse]:
    """(archive of /sys/fs/cgroup, containers, processes). Only the preset process shows files: who is in a group."""
    files: dict[str, str] = {}
    containers: list[pb.ContainerInfo] = []
    running: list[pb.ProcessInfo] = []
    path: list[str] = []
    unfinished: set[str] = set()
    pod = ""
    for line in lines:
        match = _LINE.match(line)
        assert match, line
        name = match["name"]
        depth = 0 if name == "." else (len(match["edges"].rstrip("─")) + 3) // 4
        if "/" in name:  # a pod; the kubelet names its group by uid
            pod, uid = name, f"uid-{len(containers)}"
            containers.append(pb.ContainerInfo(id=name, pod_id=name, uid=uid))
            name = f"pod{uid}"
        elif path and len(path) >= depth > 1 and path[depth - 2].startswith("poduid-"):
            id = f"id-{len(containers)}"
            if name == "sandbox":
                next(c for c in containers if c.id == pod).internal_id = id
            else:
                containers.append(pb.ContainerInfo(id=f"{pod}:{name}", pod_id=pod, name=name, internal_id=id))
            name = id
        path = [*path[: max(0, depth - 1)], name] if depth else []
        folder = "/".join(path)
        files[folder] = ""
        parent = "/".join(path[:-1])
        (unfinished.add if "├" in match["edges"] else unfinished.discard)(parent)
        if "Processes" in header and folder:
            count, names = _processes(line[match.end() :])
            pids = [str(1000 * len(files) + index) for index in range(count)]
            files[f"{folder}/cgroup.procs"] = "".join(f"{pid}\n" for pid in pids)
            running += [pb.ProcessInfo(pid=int(p), executable=f"/bin/{n}") for p, n in zip(pids, names, strict=False)]
    files |= {f"{parent}/~": "" for parent in unfinished}  # those whose last ones were left out
    return (
        _tar(files),
        pb.ContainersResponse(messages=[pb.Container(containers=containers)]),
        pb.ProcessesResponse(messages=[pb.Process(processes=running)]),
    )


def _processes(cells: str) -> tuple[int, list[str]]:
    """(how many, the names of those that are shown; the last one may be cut off)."""
    _, _, _, count, _, *names = cells.split()
    return int(count), [name for name in " ".join(names).strip("[]").split() if name]


def _tar(files: dict[str, str]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, text in files.items():
            info = tarfile.TarInfo(f"sys/fs/cgroup/{name}".rstrip("/"))
            if name.endswith("cgroup.procs"):
                info.size = len(text)
                tar.addfile(info, io.BytesIO(text.encode()))
            else:
                info.type = tarfile.DIRTYPE
                tar.addfile(info)
    return out.getvalue()
