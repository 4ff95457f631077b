"""etcd: bootstrap, members, alarms, maintenance, snapshots."""

from __future__ import annotations

import asyncio
import functools
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from grpclib import GRPCError, Status

from talos.api import common_pb2, machine_pb2
from talos.api import etcd_pb2 as pb
from talos.etcd import membership, recovery
from talos.etcd.bootstrap import ID as BOOTSTRAP_ID
from talos.etcd.bootstrap import EtcdBootstrapRequest
from talos.etcd.client import EtcdClient, EtcdUnavailableError
from talos.machined import etcd_founding
from talos.machined.disk import installation
from talos.machined.rpc import Call, client_stream, server_stream, unary
from talos.machined.services.etcd import USER
from talos.resources.block import VolumeStatusSpec
from talos.resources.etcd import SpecSpec
from talos.resources.secrets import EtcdRootSpec
from talos.state import AlreadyExistsError, Resource

if TYPE_CHECKING:
    from talos.machined.node import Node

H = TypeVar("H", bound=Callable[..., Any])
MINIMUM_DOWNGRADE = (3, 5)
KUBECONFIG = "kubeconfig"


async def _control_plane(call: Call, what: str) -> None:
    if await call.node.state.get_or_none(EtcdRootSpec, "etcd") is None:
        raise not_here(call, what)


def not_here(call: Call, what: str) -> GRPCError:
    """Why a control plane node's method does not work without its authority: this is none, or one without etcd or
    Kubernetes, or one that boots. What the node is stands in its configuration; the authority is published after the
    API answers.

    Without etcd it is UNIMPLEMENTED, as on a worker: FAILED_PRECONDITION is what clients try again until it works.
    """
    config = call.node.config.current
    if config is not None and config.machine.is_control_plane:
        if not (config.kubernetes.api_server if what == KUBECONFIG else config.machine.runs_etcd):
            missing = "Kubernetes" if what == KUBECONFIG else "etcd"
            return GRPCError(
                Status.UNIMPLEMENTED, f"{what} is not available: the configuration of this node runs no {missing}"
            )
        return GRPCError(Status.FAILED_PRECONDITION, f"{what} is not available yet: the node is still booting")
    return GRPCError(Status.UNIMPLEMENTED, f"{what} is only available on control plane nodes")


def _on_control_plane(what: str) -> Callable[[H], H]:
    """Refuse the call on workers, and say what is wrong when etcd does not answer."""

    def decorate(handler: Callable[..., Awaitable[Any]]) -> Any:
        @functools.wraps(handler)
        async def checked(call: Call, request: Any) -> Any:
            await _control_plane(call, what)
            try:
                return await handler(call, request)
            except EtcdUnavailableError as error:
                raise GRPCError(Status.UNAVAILABLE, str(error)) from error

        return checked

    return decorate


@unary("/machine.MachineService/Bootstrap")
async def bootstrap(call: Call, request: machine_pb2.BootstrapRequest) -> machine_pb2.BootstrapResponse:
    """Found a new etcd cluster on this node. Done once in the life of a cluster, on one node."""
    state = call.node.state
    if call.node.in_maintenance:
        raise GRPCError(Status.FAILED_PRECONDITION, "bootstrap is not available: the node has no configuration yet")
    await _control_plane(call, "bootstrap")
    await _check_started(call.node)
    if membership.has_data(call.node.env):
        raise GRPCError(Status.ALREADY_EXISTS, "etcd data directory is not empty")
    founding = EtcdBootstrapRequest()
    if request.recover_etcd:
        await _check_snapshot(call, request.recover_skip_hash_check)
        founding = EtcdBootstrapRequest(str(recovery.SNAPSHOT_PATH), request.recover_skip_hash_check)
    if await state.get_or_none(EtcdBootstrapRequest, BOOTSTRAP_ID) is not None:
        raise GRPCError(Status.ALREADY_EXISTS, "etcd data directory is not empty")
    try:
        await asyncio.to_thread(etcd_founding.keep, call.node.env, founding)
    except OSError as error:
        text = f"{etcd_founding.PATH} cannot be written: {error.strerror}; nothing was begun"
        raise GRPCError(Status.INTERNAL, text) from error
    try:
        await state.create(Resource.new(EtcdBootstrapRequest, BOOTSTRAP_ID, founding))
    except AlreadyExistsError as error:  # asked at the same time
        raise GRPCError(Status.ALREADY_EXISTS, "etcd data directory is not empty") from error
    return machine_pb2.BootstrapResponse(messages=[machine_pb2.Bootstrap()])


async def _check_started(node: Node) -> None:
    """Refuse before the node stands where its etcd will run: on a machine that is being installed everything that was
    said to it is gone with the restart."""
    if installation.wanted(node, node.config.current) or node.sequencer.running in ("initialize", "install"):
        text = "bootstrap is not available yet: the node is being installed; try again when it runs from its disk"
        raise GRPCError(Status.FAILED_PRECONDITION, text)
    volume = await node.state.get_or_none(VolumeStatusSpec, "ETCD")
    if await node.state.get_or_none(SpecSpec, "etcd") is None or volume is None or str(volume.spec.phase) != "ready":
        raise GRPCError(Status.FAILED_PRECONDITION, "bootstrap is not available yet: the node is still booting")


async def _check_snapshot(call: Call, skip_hash_check: bool) -> None:
    """Before etcd starts with it: the person who waits is told what is wrong, not the log alone."""
    path = call.node.env.path(recovery.SNAPSHOT_PATH)
    try:
        await asyncio.to_thread(recovery.check, path, skip_hash_check=skip_hash_check)
    except FileNotFoundError:
        text = "there is no snapshot on this node: upload it first (EtcdRecover)"
        raise GRPCError(Status.FAILED_PRECONDITION, text) from None
    except recovery.SnapshotError as error:
        raise GRPCError(Status.INVALID_ARGUMENT, str(error)) from error


@unary("/machine.MachineService/EtcdMemberList")
@_on_control_plane("member list")
async def member_list(call: Call, request: machine_pb2.EtcdMemberListRequest) -> machine_pb2.EtcdMemberListResponse:
    """All members; with query_local also those that a member without quorum knows."""
    async with await _local(call) as etcd:
        members = await etcd.members(linearizable=not request.query_local)
    message = machine_pb2.EtcdMembers(
        legacy_members=[m.name for m in members],
        members=[
            machine_pb2.EtcdMember(
                id=m.id,
                hostname=m.name,
                peer_urls=m.peer_urls,
                client_urls=m.client_urls,
                is_learner=m.is_learner,
            )
            for m in members
        ],
    )
    return machine_pb2.EtcdMemberListResponse(messages=[message])


@unary("/machine.MachineService/EtcdStatus")
@_on_control_plane("etcd status")
async def status(call: Call, _request: Any) -> machine_pb2.EtcdStatusResponse:
    """Status of this node's member."""
    async with await _local(call) as etcd:
        s = await etcd.status()
    member = machine_pb2.EtcdMemberStatus(
        storage_version=s.storage_version,
        member_id=s.header.member_id,
        protocol_version=s.version,
        db_size=s.db_size,
        db_size_in_use=s.db_size_in_use,
        leader=s.leader,
        raft_index=s.raft_index,
        raft_term=s.raft_term,
        raft_applied_index=s.raft_applied_index,
        errors=s.errors,
        is_learner=s.is_learner,
    )
    return machine_pb2.EtcdStatusResponse(messages=[machine_pb2.EtcdStatus(member_status=member)])


@unary("/machine.MachineService/EtcdRemoveMemberByID")
@_on_control_plane("remove member")
async def remove_member(
    call: Call, request: machine_pb2.EtcdRemoveMemberByIDRequest
) -> machine_pb2.EtcdRemoveMemberByIDResponse:
    """Remove a member of another node, which is gone for good."""
    async with await _local(call) as etcd:
        try:
            await etcd.remove_member(request.member_id)
        except GRPCError as error:
            text = f"failed to remove member {request.member_id}: {error.message}"
            raise GRPCError(error.status, text) from error
    return machine_pb2.EtcdRemoveMemberByIDResponse(messages=[machine_pb2.EtcdRemoveMemberByID()])


@unary("/machine.MachineService/EtcdLeaveCluster")
@_on_control_plane("leave")
async def leave(call: Call, _request: Any) -> machine_pb2.EtcdLeaveClusterResponse:
    """Take this node's member out of the cluster."""
    await membership.leave(call.node.state)
    return machine_pb2.EtcdLeaveClusterResponse(messages=[machine_pb2.EtcdLeaveCluster()])


@unary("/machine.MachineService/EtcdForfeitLeadership")
@_on_control_plane("forfeit leadership")
async def forfeit_leadership(call: Call, _request: Any) -> machine_pb2.EtcdForfeitLeadershipResponse:
    """Hand leadership to another member, if this one has it; the answer names the new leader."""
    message = machine_pb2.EtcdForfeitLeadership()
    async with await _local(call) as etcd:
        current = await etcd.status()
        if current.leader == current.header.member_id:
            others = [m for m in await etcd.members() if m.id != current.leader and not m.is_learner]
            if not others:
                raise GRPCError(Status.FAILED_PRECONDITION, "there is no other voting member to hand leadership to")
            await etcd.move_leader(others[0].id)
            message.member = others[0].name
    return machine_pb2.EtcdForfeitLeadershipResponse(messages=[message])


@server_stream("/machine.MachineService/EtcdSnapshot")
async def snapshot(call: Call, _request: Any) -> AsyncIterator[common_pb2.Data]:
    """The member's database."""
    await _control_plane(call, "etcd snapshot")
    try:
        async with await _local(call) as etcd:
            async for chunk in etcd.snapshot():
                yield common_pb2.Data(bytes=chunk)
    except EtcdUnavailableError as error:
        raise GRPCError(Status.UNAVAILABLE, str(error)) from error


@client_stream("/machine.MachineService/EtcdRecover")
async def recover(call: Call, requests: AsyncIterator[Any]) -> machine_pb2.EtcdRecoverResponse:
    """Take a snapshot that Bootstrap may begin with. It replaces an earlier one only when all of it is there."""
    await _control_plane(call, "etcd recover")
    target = call.node.env.path(recovery.SNAPSHOT_PATH)
    if not target.parent.is_dir():
        raise GRPCError(Status.FAILED_PRECONDITION, "etcd recovery is not available yet: the node is still booting")
    if membership.has_data(call.node.env):
        raise GRPCError(Status.ALREADY_EXISTS, "etcd data directory is not empty")
    handle, name = tempfile.mkstemp(prefix=f"{target.name}.", dir=target.parent)
    partial, size = Path(name), 0
    try:
        with os.fdopen(handle, "wb") as file:
            async for chunk in requests:
                size += len(chunk.bytes)
                await asyncio.to_thread(file.write, chunk.bytes)
            if not size:
                raise GRPCError(Status.INVALID_ARGUMENT, "the snapshot is empty")
            file.flush()
            os.fchown(file.fileno(), USER, USER)
            await asyncio.to_thread(os.fsync, file.fileno())
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return machine_pb2.EtcdRecoverResponse(messages=[machine_pb2.EtcdRecover()])


@unary("/machine.MachineService/EtcdAlarmList")
@_on_control_plane("etcd alarm list")
async def alarm_list(call: Call, _request: Any) -> machine_pb2.EtcdAlarmListResponse:
    """Active alarms."""
    async with await _local(call) as etcd:
        alarms = _alarms(await etcd.alarms())
    return machine_pb2.EtcdAlarmListResponse(messages=[machine_pb2.EtcdAlarm(member_alarms=alarms)])


@unary("/machine.MachineService/EtcdAlarmDisarm")
@_on_control_plane("etcd alarm disarm")
async def alarm_disarm(call: Call, _request: Any) -> machine_pb2.EtcdAlarmDisarmResponse:
    """Disarm all alarms."""
    async with await _local(call) as etcd:
        alarms = _alarms(await etcd.disarm())
    return machine_pb2.EtcdAlarmDisarmResponse(messages=[machine_pb2.EtcdAlarmDisarm(member_alarms=alarms)])


@unary("/machine.MachineService/EtcdDefragment")
@_on_control_plane("etcd defragmentation")
async def defragment(call: Call, _request: Any) -> machine_pb2.EtcdDefragmentResponse:
    """Defragment this node's member."""
    async with await _local(call) as etcd:
        await etcd.defragment()
    return machine_pb2.EtcdDefragmentResponse(messages=[machine_pb2.EtcdDefragment()])


@unary("/machine.MachineService/EtcdDowngradeValidate")
@_on_control_plane("etcd downgrade")
async def downgrade_validate(
    call: Call, request: machine_pb2.EtcdDowngradeValidateRequest
) -> machine_pb2.EtcdDowngradeValidateResponse:
    """Whether the cluster could be downgraded."""
    downgraded = await _downgrade(call, pb.DowngradeRequest.VALIDATE, request.version)
    message = machine_pb2.EtcdDowngradeValidate(cluster_downgrade=downgraded)
    return machine_pb2.EtcdDowngradeValidateResponse(messages=[message])


@unary("/machine.MachineService/EtcdDowngradeEnable")
@_on_control_plane("etcd downgrade")
async def downgrade_enable(
    call: Call, request: machine_pb2.EtcdDowngradeEnableRequest
) -> machine_pb2.EtcdDowngradeEnableResponse:
    """Let members of the older version join."""
    downgraded = await _downgrade(call, pb.DowngradeRequest.ENABLE, request.version)
    message = machine_pb2.EtcdDowngradeEnable(cluster_downgrade=downgraded)
    return machine_pb2.EtcdDowngradeEnableResponse(messages=[message])


@unary("/machine.MachineService/EtcdDowngradeCancel")
@_on_control_plane("etcd downgrade")
async def downgrade_cancel(call: Call, _request: Any) -> machine_pb2.EtcdDowngradeCancelResponse:
    """Take the permission back."""
    async with await _local(call) as etcd:
        version = await etcd.downgrade(pb.DowngradeRequest.CANCEL)
    message = machine_pb2.EtcdDowngradeCancel(
        cluster_downgrade=machine_pb2.EtcdClusterDowngrade(cluster_version=version)
    )
    return machine_pb2.EtcdDowngradeCancelResponse(messages=[message])


async def _downgrade(call: Call, action: int, version: str) -> machine_pb2.EtcdClusterDowngrade:
    try:
        wanted = tuple(int(part) for part in version.split(".")[:2])
    except ValueError as error:
        raise GRPCError(Status.INVALID_ARGUMENT, f"{version!r} is no version of etcd, such as 3.6") from error
    if wanted < MINIMUM_DOWNGRADE:
        raise GRPCError(Status.INVALID_ARGUMENT, "etcd downgrade is only supported to 3.5 and later versions")
    async with await _local(call) as etcd:
        cluster = await etcd.downgrade(action, ".".join(map(str, wanted)))
    return machine_pb2.EtcdClusterDowngrade(cluster_version=cluster)


async def _local(call: Call) -> EtcdClient:
    return await membership.local_client(call.node.state)


def _alarms(alarms: list[pb.AlarmMember]) -> list[machine_pb2.EtcdMemberAlarm]:
    return [
        machine_pb2.EtcdMemberAlarm(member_id=a.member_id, alarm=machine_pb2.EtcdMemberAlarm.AlarmType.Name(a.alarm))
        for a in alarms
    ]
