"""talosctl etcd."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from talos.talosctl.options import ClientGroup, Command, client_options
from talos.talosctl.output import size, table
from talos.talosctl.session import Session

if TYPE_CHECKING:
    from google.protobuf.message import Message

_HASH_BYTES = 32


@click.group(cls=ClientGroup)
def etcd() -> None:
    """Members, health and backup of etcd."""


@etcd.command(cls=Command)
@client_options
def members(session: Session) -> None:
    """List the members, as each node knows them."""
    from talos.api import machine_pb2

    answers = session.ask("/machine.MachineService/EtcdMemberList", machine_pb2.EtcdMemberListRequest())
    table(
        ("NODE", "ID", "HOSTNAME", "PEER URLS", "CLIENT URLS", "LEARNER"),
        [
            (node, f"{m.id:x}", m.hostname, ",".join(m.peer_urls), ",".join(m.client_urls), str(m.is_learner).lower())
            for node, answer in answers.good
            for message in answer.messages
            for m in message.members
        ],
    )
    answers.finish()


@etcd.command(cls=Command)
@client_options
def status(session: Session) -> None:
    """Show size, leader and progress of each node's member."""
    answers = session.ask("/machine.MachineService/EtcdStatus")
    rows = []
    for node, answer in answers.good:
        for message in answer.messages:
            s = message.member_status
            percent = 100 * s.db_size_in_use / s.db_size if s.db_size else 0.0
            rows.append(
                (
                    node,
                    f"{s.member_id:x}",
                    size(s.db_size),
                    f"{size(s.db_size_in_use)} ({percent:.2f}%)",
                    f"{s.leader:x}",
                    s.raft_index,
                    s.raft_term,
                    s.raft_applied_index,
                    str(s.is_learner).lower(),
                    s.protocol_version,
                    s.storage_version,
                    ", ".join(s.errors),
                )
            )
    table(
        (
            "NODE",
            "MEMBER",
            "DB SIZE",
            "IN USE",
            "LEADER",
            "RAFT INDEX",
            "RAFT TERM",
            "RAFT APPLIED INDEX",
            "LEARNER",
            "PROTOCOL",
            "STORAGE",
            "ERRORS",
        ),
        rows,
    )
    answers.finish()


@etcd.command(cls=Command)
@client_options
def leave(session: Session) -> None:
    """Take the member of one node out of etcd."""
    from talos.api import machine_pb2

    session.targets(exactly_one=True, command="etcd leave")
    session.ask("/machine.MachineService/EtcdLeaveCluster", machine_pb2.EtcdLeaveClusterRequest()).finish()


@etcd.command("forfeit-leadership", cls=Command)
@client_options
def forfeit_leadership(session: Session) -> None:
    """Let another member lead."""
    from talos.api import machine_pb2

    session.ask("/machine.MachineService/EtcdForfeitLeadership", machine_pb2.EtcdForfeitLeadershipRequest()).finish()


@etcd.command("remove-member", cls=Command)
@client_options
@click.argument("member_id", metavar="ID")
def remove_member(session: Session, member_id: str) -> None:
    """Remove a member whose node is lost, by the ID that etcd members shows."""
    from talos.api import machine_pb2

    try:
        number = int(member_id, 16)
    except ValueError:
        raise click.UsageError(f"{member_id!r} is not a member ID: take it from talosctl etcd members") from None
    session.targets(exactly_one=True, command="etcd remove-member")
    session.ask(
        "/machine.MachineService/EtcdRemoveMemberByID", machine_pb2.EtcdRemoveMemberByIDRequest(member_id=number)
    ).finish()


@etcd.command(cls=Command)
@client_options
def defrag(session: Session) -> None:
    """Give space back that deleted data took: one node at a time, it blocks the member."""
    session.targets(exactly_one=True, command="etcd defrag")
    session.ask("/machine.MachineService/EtcdDefragment").finish()


@etcd.group(cls=ClientGroup)
def alarm() -> None:
    """Alarms of etcd."""


def _alarms(session: Session, path: str) -> None:
    from talos.api import machine_pb2

    answers = session.ask(path)
    rows = [
        (node, f"{a.member_id:x}", machine_pb2.EtcdMemberAlarm.AlarmType.Name(a.alarm))
        for node, answer in answers.good
        for message in answer.messages
        for a in message.member_alarms
    ]
    if rows:
        table(("NODE", "MEMBER", "ALARM"), rows)
    answers.finish()


@alarm.command("list", cls=Command)
@client_options
def alarm_list(session: Session) -> None:
    """List alarms."""
    _alarms(session, "/machine.MachineService/EtcdAlarmList")


@alarm.command(cls=Command)
@client_options
def disarm(session: Session) -> None:
    """Switch alarms off."""
    _alarms(session, "/machine.MachineService/EtcdAlarmDisarm")


@etcd.group(cls=ClientGroup)
def downgrade() -> None:
    """Let etcd go back to an older version's storage."""


def _downgrade(session: Session, path: str, request: Message | None, doing: str) -> None:
    answers = session.ask(path, request)
    rows = [
        (node, f"downgrade {doing} succeeded, the cluster is at version {m.cluster_downgrade.cluster_version}")
        for node, answer in answers.good
        for m in answer.messages
    ]
    if rows:
        table(("NODE", "MESSAGE"), rows)
    answers.finish()


@downgrade.command(cls=Command)
@client_options
@click.argument("version")
def validate(session: Session, version: str) -> None:
    """Check whether the cluster could be downgraded."""
    from talos.api import machine_pb2

    request = machine_pb2.EtcdDowngradeValidateRequest(version=version)
    _downgrade(session, "/machine.MachineService/EtcdDowngradeValidate", request, "validation")


@downgrade.command(cls=Command)
@client_options
@click.argument("version")
def enable(session: Session, version: str) -> None:
    """Begin the downgrade of the cluster."""
    from talos.api import machine_pb2

    request = machine_pb2.EtcdDowngradeEnableRequest(version=version)
    _downgrade(session, "/machine.MachineService/EtcdDowngradeEnable", request, "start")


@downgrade.command(cls=Command)
@client_options
def cancel(session: Session) -> None:
    """Give a downgrade up."""
    _downgrade(session, "/machine.MachineService/EtcdDowngradeCancel", None, "cancellation")


@etcd.command(cls=Command)
@client_options
@click.argument("path", metavar="FILE")
def snapshot(session: Session, path: str) -> None:
    """Save etcd's data to a file, with the hash that is checked when it is restored."""
    from talos.api import machine_pb2
    from talos.client import ApiError
    from talos.talosctl import etcd_snapshot
    from talos.talosctl.bolt import BoltError

    (node,) = session.targets(exactly_one=True, command="etcd snapshot")
    partial = Path(f"{path}.part")

    async def fetch() -> None:
        # For its owner alone: it holds every secret of the cluster.
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            async for chunk in session.stream(
                node, "/machine.MachineService/EtcdSnapshot", machine_pb2.EtcdSnapshotRequest()
            ):
                file.write(chunk.bytes)
            file.flush()
            os.fsync(descriptor)

    try:
        session.run(fetch)
        check(partial)
        status = etcd_snapshot.status(partial)
        partial.replace(path)
    except ApiError as error:
        raise click.ClickException(f"error reading the snapshot from node {node}: {error}") from error
    except BoltError as error:
        raise click.ClickException(f"what node {node} sent is no whole database of etcd: {error}") from error
    finally:
        partial.unlink(missing_ok=True)
    print(f'etcd snapshot saved to "{path}" ({Path(path).stat().st_size} bytes)')
    print(f"snapshot info: {status}")


def check(path: Path) -> None:
    """A snapshot ends with the SHA-256 of all before it and is otherwise whole pages of 512 bytes."""
    total = path.stat().st_size
    if total % 512 != _HASH_BYTES:
        raise click.ClickException(f"the snapshot is cut off: {total} bytes")
    digest = hashlib.sha256()
    with path.open("rb") as file:
        left = total - _HASH_BYTES
        while left:
            data = file.read(min(left, 1 << 20))
            digest.update(data)
            left -= len(data)
        if file.read() != digest.digest():
            raise click.ClickException("the snapshot's hash does not match its content")
