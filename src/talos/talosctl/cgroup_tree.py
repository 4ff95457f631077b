"""The tree of control groups from an archive of /sys/fs/cgroup: what each file holds, and the tree as text."""

from __future__ import annotations

import tarfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

import click

from talos.talosctl.output import GAP


@dataclass
class Group:
    """A control group: the text of its files by name, its children, what runs in it."""

    name: str
    files: dict[str, str] = field(default_factory=dict)
    children: dict[str, Group] = field(default_factory=dict)
    processes: list[str] = field(default_factory=list)
    parent: Group | None = None

    def walk(self) -> Iterable[Group]:
        yield self
        for child in self.children.values():
            yield from child.walk()

    def name_processes(self, commands: dict[int, str]) -> None:
        """Put names to the process numbers in cgroup.procs; what has ended since has none."""
        for group in self.walk():
            pids = [int(line) for line in group.files.get("cgroup.procs", "").split() if line.isdigit()]
            group.processes = [commands[pid] for pid in pids if pid in commands]

    def name_containers(self, containers: Iterable[Any]) -> None:
        """Show pods and containers by name; the kubelet calls a pod's group by uid, containerd a container's by id."""
        pods: dict[str, str] = {}
        inside: dict[str, str] = {}
        for container in containers:
            if container.id == container.pod_id:
                pods[container.uid] = container.pod_id
                inside[container.internal_id] = "sandbox"
            else:
                inside[container.internal_id] = container.name
        for group in list(self.walk()):
            for key, child in list(group.children.items()):
                uid = key.removesuffix(".slice").rpartition("pod")[2]
                name = pods.get(uid) or pods.get(uid.replace("_", "-")) or inside.get(key)
                if name and key:
                    child.name = name
            group.children = dict(sorted(group.children.items(), key=lambda item: item[1].name))

    def child(self, path: str) -> Group:
        group = self
        for part in filter(None, path.split("/")):
            if part not in group.children:
                group.children[part] = Group(part, parent=group)
            group = group.children[part]
        return group


def read_archive(archive: IO[bytes]) -> Group:
    """The tree in a gzipped tar. ClickException if it is not one."""
    root = Group(".")
    try:
        with tarfile.open(fileobj=archive, mode="r:gz") as tar:
            for member in tar:
                path = member.name.strip("./").removeprefix("sys/fs/cgroup").strip("/")
                if member.isdir():
                    root.child(path)
                elif member.isfile():
                    folder, _, name = path.rpartition("/")
                    file = tar.extractfile(member)
                    root.child(folder).files[name] = file.read().decode(errors="replace").strip() if file else ""
    except (tarfile.TarError, OSError, EOFError) as error:
        raise click.ClickException(f"the node's answer is no archive of its control groups: {error}") from error
    for group in root.walk():
        group.children = dict(sorted(group.children.items()))
    return root


def show(root: Group, columns: Sequence[tuple[str, Callable[[Group], str]]]) -> str:
    """The tree, a line a group, and its columns."""
    lines = [["NAME", *(name for name, _ in columns)]]
    for label, group in _labelled(root, "", ""):
        lines.append([label, *(value(group) for _, value in columns)])
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    return "".join(
        "".join(cell.ljust(width + GAP) for cell, width in zip(line[:-1], widths[:-1], strict=True)) + line[-1] + "\n"
        for line in lines
    )


def _labelled(group: Group, prefix: str, inner: str) -> Iterable[tuple[str, Group]]:
    yield prefix + group.name, group
    last = len(group.children) - 1
    for index, child in enumerate(group.children.values()):
        yield from _labelled(
            child, inner + ("└──" if index == last else "├──"), inner + ("    " if index == last else "│   ")
        )
