"""Answers of a node from what a table shows of them: the inverse of each command's output."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.message import Message
from grpclib import GRPCError, Status

from talos.api import machine_pb2 as pb
from talos.client.errors import status_name
from tests.golden.replay import Recorded, Replay

Rows = list[dict[str, str]]
_UNITS = {"B": 1, "kB": 1e3, "MB": 1e6, "GB": 1e9}
_STATES = {"CLOSE_WAIT": "CLOSEWAIT", "LAST_ACK": "LASTACK", "": "CLOSE"}
_CODES = {status_name(status): status for status in Status}


def bytes_of(text: str) -> int:
    """1.6 GB as a number that is shown so."""
    number, unit = text.split()
    return int(float(number) * _UNITS[unit])


NOW = datetime(2026, 11, 22, 23, 43, 30, tzinfo=UTC)
"""when the commands run that show how long ago something was"""


def moment_of(text: str) -> Any:
    """The time that is `4m7s ago` at NOW."""
    from google.protobuf.timestamp_pb2 import Timestamp

    match = re.fullmatch(r"(?:(\d+)h)?(?:(\d+)m)?(\d+)s ago", text)
    assert match, text
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    stamp = Timestamp()
    stamp.FromDatetime(NOW - timedelta(hours=hours, minutes=minutes, seconds=seconds))
    return stamp


def services(rows: Rows) -> Message:
    return pb.ServiceListResponse(
        messages=[
            pb.ServiceList(
                services=[
                    pb.ServiceInfo(
                        id=row["SERVICE"],
                        state=row["STATE"],
                        health=pb.ServiceHealth(healthy=row["HEALTH"] == "OK", unknown=row["HEALTH"] == "?"),
                        events=pb.ServiceEvents(
                            events=[pb.ServiceEvent(msg=row["LAST EVENT"], ts=moment_of(row["LAST CHANGE"]))]
                        ),
                    )
                    for row in rows
                ]
            )
        ]
    )


def service(text: str) -> Message:
    """From the output for one service."""
    fields = dict(re.findall(r"^([A-Z]+) +(.*)$", text, re.MULTILINE))
    events = re.findall(r"\[(\w+)\]: (.*) \(([^()]* ago)\)$", text, re.MULTILINE)
    return pb.ServiceListResponse(
        messages=[
            pb.ServiceList(
                services=[
                    pb.ServiceInfo(
                        id=fields["ID"],
                        state=fields["STATE"],
                        health=pb.ServiceHealth(healthy=fields["HEALTH"] == "OK"),
                        events=pb.ServiceEvents(
                            events=[
                                pb.ServiceEvent(state=state, msg=text, ts=moment_of(when))
                                for state, text, when in reversed(events)
                            ]
                        ),
                    )
                ]
            )
        ]
    )


def _pod(shown: str) -> tuple[str, str]:
    """(id, pod) of an entry; containers are shown below their pod."""
    id = shown.removeprefix("└─ ")
    return id, id.partition(":")[0] if "/" in id else id


def containers(rows: Rows) -> Message:
    found = []
    for row in rows:
        id, pod = _pod(row["ID"])
        found.append(
            pb.ContainerInfo(
                namespace=row["NAMESPACE"],
                id=id,
                pod_id=pod,
                image=row["IMAGE"],
                pid=int(row["PID"]),
                status=row["STATUS"],
            )
        )
    return pb.ContainersResponse(messages=[pb.Container(containers=found)])


def stats(rows: Rows) -> Message:
    found = []
    for row in rows:
        id, pod = _pod(row["ID"])
        memory, cpu = int(float(row["MEMORY(MB)"]) * 1e6), int(row["CPU"])
        found.append(pb.Stat(namespace=row["NAMESPACE"], id=id, pod_id=pod, memory_usage=memory, cpu_usage=cpu))
    return pb.StatsResponse(messages=[pb.Stats(stats=found)])


def processes(rows: Rows) -> Message:
    return pb.ProcessesResponse(
        messages=[
            pb.Process(
                processes=[
                    pb.ProcessInfo(
                        pid=int(row["PID"]),
                        state=row["STATE"],
                        threads=int(row["THREADS"]),
                        cpu_time=float(row["CPU-TIME"]),
                        virtual_memory=bytes_of(row["VIRTMEM"]),
                        # The rows come sorted: equal ones keep their order.
                        resident_memory=bytes_of(row["RESMEM"]),
                        label=row["LABEL"],
                        args=row["COMMAND"],
                    )
                    for row in rows
                ]
            )
        ]
    )


def netstat(rows: Rows) -> Message:
    def address(text: str) -> tuple[str, int]:
        ip, _, port = text.rpartition(":")
        return ip, 0 if port == "*" else int(port)

    records = []
    for row in rows:
        (local, local_port), (remote, remote_port) = address(row["Local Address"]), address(row["Foreign Address"])
        pid, _, name = row.get("PID/Program name", "").partition("/")
        records.append(
            pb.ConnectRecord(
                l4proto=row["Proto"],
                localip=local,
                localport=local_port,
                remoteip=remote,
                remoteport=remote_port,
                state=_STATES.get(row["State"], row["State"]),
                txqueue=int(row["Send-Q"]),
                rxqueue=int(row["Recv-Q"]),
                uid=int(row.get("Uid", 0)),
                inode=int(row.get("Inode", 0)),
                process=pb.ConnectRecord.Process(pid=int(pid), name=name) if pid.isdigit() else None,
            )
        )
    return pb.NetstatResponse(messages=[pb.Netstat(connectrecord=records)])


def members(rows: Rows) -> Message:
    return pb.EtcdMemberListResponse(
        messages=[
            pb.EtcdMembers(
                members=[
                    pb.EtcdMember(
                        id=int(row["ID"], 16),
                        hostname=row["HOSTNAME"],
                        peer_urls=row["PEER URLS"].split(","),
                        client_urls=row["CLIENT URLS"].split(","),
                        is_learner=row["LEARNER"] == "true",
                    )
                    for row in rows
                ]
            )
        ]
    )


def etcd_status(rows: Rows) -> Message:
    return pb.EtcdStatusResponse(
        messages=[
            pb.EtcdStatus(
                member_status=pb.EtcdMemberStatus(
                    member_id=int(row["MEMBER"], 16),
                    db_size=bytes_of(row["DB SIZE"]),
                    db_size_in_use=bytes_of(row["IN USE"].partition(" (")[0]),
                    leader=int(row["LEADER"], 16),
                    raft_index=int(row["RAFT INDEX"]),
                    raft_term=int(row["RAFT TERM"]),
                    raft_applied_index=int(row["RAFT APPLIED INDEX"]),
                    protocol_version=row["PROTOCOL"],
                    storage_version=row["STORAGE"],
                )
            )
            for row in rows
        ]
    )


def images(rows: Rows) -> Iterable[Message]:
    for row in rows:
        message = pb.ImageServiceListResponse(
            name=row["IMAGE"],
            digest=row["DIGEST"],
            size=bytes_of(row["SIZE"]),
            labels=dict(part.split("=", 1) for part in row["LABELS"].split(",") if part),
        )
        message.created_at.FromDatetime(datetime.fromisoformat(row["CREATED"]))
        yield message


def files(rows: Rows) -> Iterable[Message]:
    return [pb.FileInfo(name=row["NAME"], relative_name=row["NAME"]) for row in rows]


def long_files(rows: Rows) -> Iterable[Message]:
    """Mode bits as Go has them: what it is from bit 31 down, then permissions."""
    kinds = "dalTLDpSugct?"
    for row in rows:
        name, _, link = row["NAME"].partition(" -> ")
        permissions = int("".join("0" if letter == "-" else "1" for letter in row["MODE"][-9:]), 2)
        mode = permissions + sum(1 << (31 - kinds.index(letter)) for letter in row["MODE"][:-9] if letter != "-")
        modified = datetime.strptime(f"{NOW.year} {row['LASTMOD']}", "%Y %b %d %H:%M:%S").replace(tzinfo=UTC)
        yield pb.FileInfo(
            name=f"/{name}",
            relative_name=name,
            link=link,
            mode=mode,
            uid=int(row["UID"]),
            gid=int(row["GID"]),
            size=int(row["SIZE(B)"]),
            modified=int(modified.timestamp()),
        )


def memory(rows: Rows) -> Message:
    """In KiB. Each column is rounded down by itself: what is shown as used tells the fractions of what is not."""
    (row,) = rows
    total, used, free, shared, buffers, cache, available = (
        int(row[name]) << 10 for name in ("TOTAL", "USED", "FREE", "SHARED", "BUFFERS", "CACHE", "AVAILABLE")
    )
    more = total - free - buffers - cache - used
    assert 0 <= more <= 3 << 10, "the recorded figures add up"
    fractions = [min(1023, max(0, more - n * 1023)) for n in range(3)]
    info = pb.MemInfo(
        memtotal=total,
        memfree=free + fractions[0],
        shmem=shared,
        buffers=buffers + fractions[1],
        cached=cache + fractions[2],
        memavailable=available,
    )
    return pb.MemoryResponse(messages=[pb.Memory(meminfo=info)])


def mounts(rows: Rows) -> Message:
    stats = []
    for row in rows:
        size, percent = float(row["SIZE(GB)"]) * 1e9, float(row["PERCENT USED"].rstrip("%"))
        # Of little that is used only the share is shown.
        used = float(row["USED(GB)"]) * 1e9 or size * percent / 100
        stats.append(
            pb.MountStat(
                filesystem=row["FILESYSTEM"],
                size=round(size),
                available=round(size - used),
                mounted_on=row["MOUNTED ON"],
            )
        )
    return pb.MountsResponse(messages=[pb.Mounts(stats=stats)])


def disk_usage(rows: Rows) -> Iterable[Message]:
    return [
        pb.DiskUsageInfo(
            name=row["NAME"],
            relative_name=row["NAME"],
            size=bytes_of(row["SIZE"]) if " " in row["SIZE"] else int(row["SIZE"]),
        )
        for row in rows
    ]


def service_answers(rows: Rows) -> Message:
    return pb.ServiceRestartResponse(messages=[pb.ServiceRestart(resp=row["RESPONSE"]) for row in rows])


def version() -> Message:
    return pb.VersionResponse(
        messages=[
            pb.Version(
                version=pb.VersionInfo(tag="v1.14.0", sha="ad882317", go_version="go1.26.8", os="linux", arch="amd64"),
                platform=pb.PlatformInfo(name="container", mode="container"),
                features=pb.FeaturesInfo(rbac=True),
            )
        ]
    )


_MACHINE = "/machine.MachineService"
METHODS: dict[str, tuple[str, Callable[[Rows], Message | Iterable[Message]]]] = {
    "services": (f"{_MACHINE}/ServiceList", services),
    "service": (f"{_MACHINE}/ServiceRestart", service_answers),
    "containers": (f"{_MACHINE}/Containers", containers),
    "stats": (f"{_MACHINE}/Stats", stats),
    "processes": (f"{_MACHINE}/Processes", processes),
    "netstat": (f"{_MACHINE}/Netstat", netstat),
    "members": (f"{_MACHINE}/EtcdMemberList", members),
    "status": (f"{_MACHINE}/EtcdStatus", etcd_status),
    "image": ("/machine.ImageService/List", images),
    "list": (f"{_MACHINE}/List", files),
    "usage": (f"{_MACHINE}/DiskUsage", disk_usage),
    "list-l": (f"{_MACHINE}/List", long_files),
    "memory": (f"{_MACHINE}/Memory", memory),
    "mounts": (f"{_MACHINE}/Mounts", mounts),
}
"""by the word of the command line that tells them apart"""
ERRORS = {
    "services": "ServiceList",
    "members": "EtcdMemberList",
    "status": "EtcdStatus",
    "remove-member": "EtcdRemoveMemberByID",
    "list": "List",
    "time": "",
    "start": "ServiceStart",
    "stop": "ServiceStop",
    "restart": "ServiceRestart",
    "read": "Read",
    "logs": "Logs",
}


def load(replay: Replay, recorded: Recorded, word: str) -> None:
    """Let the nodes answer so that this command should print what was recorded."""
    rows = recorded.rows() if word in METHODS else []
    if word == "list" and not recorded.stdout.startswith("NODE"):  # of one node only names are printed
        rows = [{"NAME": line} for line in recorded.stdout.splitlines()]
    nodes = re.search(r"-n (\S+)", recorded.args)
    assert nodes
    for node in nodes[1].split(","):
        own = [row for row in rows if row.get("NODE", node) == node]
        failed = re.search(rf"(?:node {re.escape(node)}|reading): rpc error: code = (\w+) desc = (.*)", recorded.stderr)
        if failed and failed[1] == "Unavailable":
            continue
        if failed:
            name = ERRORS[word if word != "service" else recorded.args.split()[-1]]
            path = f"{_MACHINE}/{name}" if name else "/time.TimeService/Time"
            replay.fail(node, path, _CODES[failed[1]], failed[2])
            continue
        path, build = METHODS[word]
        made = build(own)
        replay.on(node, path, *([made] if isinstance(made, Message) else made))


__all__ = ["ERRORS", "METHODS", "GRPCError", "load", "service", "version"]
