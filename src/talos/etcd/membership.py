"""How this node's etcd member comes into being, and how it goes.

With data on disk etcd knows everything itself. With an empty directory there are two ways: a person founds the cluster
here (Bootstrap), or another control plane node's member lets this one join. Both are waited for at once, because a
node cannot know which it is: the first node of a cluster and the third one start alike.

A joining member comes as a learner: it gets the data without counting for quorum, so that a node which never manages
to start does not cost the cluster its majority. MemberController promotes it when it has caught up.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Sequence
from contextlib import suppress

from grpclib import GRPCError, Status

from talos.api import etcd_pb2 as pb
from talos.environment import NodeEnvironment
from talos.etcd.arguments import DATA_PATH, InitialCluster, etcd_arguments, peer_urls
from talos.etcd.bootstrap import ID as BOOTSTRAP_ID
from talos.etcd.bootstrap import EtcdBootstrapRequest
from talos.etcd.client import EtcdClient, EtcdUnavailableError
from talos.resources.etcd import SpecSpec
from talos.resources.k8s import EndpointSpec
from talos.resources.network import NodeAddressSpec
from talos.resources.secrets import EtcdCertsSpec, EtcdRootSpec
from talos.state import State

log = logging.getLogger("machined.etcd")

JOIN_RETRY_S = 1.0
ANSWER_LIMIT_S = 2.0

Restore = Callable[[SpecSpec, EtcdBootstrapRequest], Awaitable[None]]
"""Makes the data of this member out of the snapshot that the request names."""


async def local_client(state: State) -> EtcdClient:
    """A client of this node's own member. NotFoundError where there are no etcd certificates (workers)."""
    return await client(state, ["127.0.0.1"])


async def client(state: State, endpoints: Sequence[str]) -> EtcdClient:
    """A client of members at these addresses."""
    root = await state.get(EtcdRootSpec, "etcd")
    certs = await state.get(EtcdCertsSpec, "etcd")
    return EtcdClient(
        endpoints,
        ca=root.spec.etcd_ca.crt.encode(),
        certificate=certs.spec.etcd_admin.crt.encode(),
        key=certs.spec.etcd_admin.key.encode(),
    )


def has_data(env: NodeEnvironment) -> bool:
    """Whether the data directory holds a member."""
    return (env.path(DATA_PATH) / "member").exists()


async def start_arguments(state: State, env: NodeEnvironment, restore: Restore) -> list[str]:
    """Arguments of etcd. Waits, as long as it takes, until the member may start. DeniedArgumentError."""
    spec = (await state.wait_for(SpecSpec, "etcd")).spec
    initial = None if has_data(env) else await _initial_cluster(state, spec, restore)
    return etcd_arguments(
        name=spec.name,
        advertised=spec.advertised_addresses,
        listen_peer=spec.listen_peer_addresses,
        listen_client=spec.listen_client_addresses,
        extra_args={name: value.values for name, value in spec.extra_args.items()},
        initial=initial,
    )


async def _initial_cluster(state: State, spec: SpecSpec, restore: Restore) -> InitialCluster | None:
    """None: there are data now."""
    found = asyncio.create_task(state.wait_for(EtcdBootstrapRequest, BOOTSTRAP_ID))
    joined = asyncio.create_task(_join(state, spec))
    try:
        done, _ = await asyncio.wait({found, joined}, return_when=asyncio.FIRST_COMPLETED)
        if joined in done:
            return await joined
        request = found.result().spec
        if request.snapshot:
            joined.cancel()
            await restore(spec, request)
            return None
        return InitialCluster([(spec.name, url) for url in peer_urls(spec.advertised_addresses)], new=True)
    finally:
        for task in (found, joined):
            task.cancel()
        await asyncio.gather(found, joined, return_exceptions=True)


async def _join(state: State, spec: SpecSpec) -> InitialCluster:
    """Become a learner of the cluster that another control plane node runs; tries until it works."""
    said = ""
    while True:
        endpoints = await other_control_planes(state, {*spec.advertised_addresses, spec.name})
        if endpoints:
            try:
                async with await client(state, endpoints) as etcd:
                    return await _add_learner(etcd, spec)
            except (EtcdUnavailableError, GRPCError) as error:
                reason = error.message or str(error) if isinstance(error, GRPCError) else str(error)
                if reason != said:
                    log.info("cannot join etcd yet: %s", reason)
                    said = reason
        await asyncio.sleep(JOIN_RETRY_S)


async def _add_learner(etcd: EtcdClient, spec: SpecSpec) -> InitialCluster:
    urls = peer_urls(spec.advertised_addresses)
    members = await etcd.members()
    mine = [m for m in members if set(m.peer_urls) & set(urls)]
    started = [m for m in mine if m.name]
    if started:
        # This node was a member before and lost its data: as that member it could only harm.
        for member in started:
            await etcd.remove_member(member.id)
        members = [m for m in members if m not in started]
        mine = []
    if not mine:
        members = list((await etcd.add_member(urls, learner=True)).members)
    pairs = [
        (spec.name if set(member.peer_urls) & set(urls) else member.name, url)
        for member in members
        for url in member.peer_urls
    ]
    unnamed = [url for name, url in pairs if not name]
    if unnamed:
        raise EtcdUnavailableError(f"another member is joining ({', '.join(unnamed)})")
    return InitialCluster(pairs, new=False)


async def other_control_planes(state: State, own: Collection[str]) -> list[str]:
    """Addresses and names of the control plane, without this node's own: neither those given nor any that it has or
    had on a link, of which Kubernetes and the discovery of members know more than etcd advertises."""
    mine = set(own)
    for node in await state.list(NodeAddressSpec):
        mine.update(address.partition("/")[0] for address in node.spec.addresses)
    hosts = [host for e in await state.list(EndpointSpec) for host in (*e.spec.addresses, *e.spec.hosts)]
    return [host for host in dict.fromkeys(hosts) if host not in mine]


async def others_answer(state: State) -> list[str]:
    """Other control plane nodes whose member has a leader; asked once, each for two seconds at most."""
    spec = (await state.wait_for(SpecSpec, "etcd")).spec

    async def has_leader(host: str) -> bool:
        try:
            async with asyncio.timeout(ANSWER_LIMIT_S), await client(state, [host]) as etcd:
                return bool((await etcd.status()).leader)
        except (TimeoutError, EtcdUnavailableError, GRPCError, OSError):
            return False

    hosts = await other_control_planes(state, {*spec.advertised_addresses, spec.name})
    answers = await asyncio.gather(*(has_leader(host) for host in hosts))
    return [host for host, answered in zip(hosts, answers, strict=True) if answered]


async def healthy(state: State) -> None:
    """Return if the local member answers and has a leader. EtcdUnavailableError says what is wrong."""
    async with await local_client(state) as etcd:
        try:
            status = await etcd.status()
        except GRPCError as error:
            raise EtcdUnavailableError(error.message or str(error.status)) from error
    if not status.leader:
        raise EtcdUnavailableError("the member has no leader: too few members are up for a majority")


async def leave(state: State) -> None:
    """Hand leadership over if this member has it, then remove it from the cluster.

    EtcdUnavailableError when it cannot be done, also for the last member: without it there is no cluster.
    """
    async with await local_client(state) as etcd:
        status = await etcd.status()
        own = status.header.member_id
        others = [m for m in await etcd.members() if m.id != own and not m.is_learner]
        if not others:
            raise EtcdUnavailableError("this is the only member of the cluster: it cannot leave")
        if status.leader == own:
            await etcd.move_leader(others[0].id)
        with suppress(EtcdUnavailableError):  # the member stops itself while it answers
            try:
                await etcd.remove_member(own)
            except GRPCError as error:
                if error.status is not Status.NOT_FOUND:
                    raise


async def is_only_member(state: State) -> bool:
    """Whether the cluster ends with this member. False if etcd cannot be asked."""
    try:
        async with await local_client(state) as etcd:
            own = (await etcd.status()).header.member_id
            return not [m for m in await etcd.members() if m.id != own and not m.is_learner]
    except (EtcdUnavailableError, GRPCError, OSError):
        return False


def member_named(members: Sequence[pb.Member], name: str) -> pb.Member | None:
    """The member of a name."""
    return next((m for m in members if m.name == name), None)
