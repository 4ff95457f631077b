"""Guards of a configuration change that only the node itself can judge: does the endpoint answer, is etcd safe."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from grpclib import GRPCError

if TYPE_CHECKING:
    from talos.config import Config
    from talos.config.guards import Violation
    from talos.machined.node import Node

ANSWER_LIMIT_S = 3.0


async def standing_in_the_way(node: Node, before: Config, after: Config) -> list[Violation]:
    """Every guard that the change meets."""
    from talos.config.guards import Violation, violations

    found = violations(before, after)
    found += [Violation("endpoint", reason) async for reason in _endpoint(before, after)]
    if before.machine.runs_etcd and not after.machine.runs_etcd:
        found += [Violation("etcd-quorum", reason) async for reason in _quorum(node)]
    return found


async def _endpoint(before: Config, after: Config) -> AsyncIterator[str]:
    """A new endpoint has to answer if the old one does; before a cluster is founded nothing does."""
    old, new = before.cluster, after.cluster
    if not new.endpoint or (old.endpoint_host, old.endpoint_port) == (new.endpoint_host, new.endpoint_port):
        return
    problem = await _unreachable(new.endpoint_host, new.endpoint_port)
    if problem and old.endpoint and not await _unreachable(old.endpoint_host, old.endpoint_port):
        yield f"nothing answers at the new endpoint {new.endpoint} ({problem}), and {old.endpoint} does"


async def _unreachable(host: str, port: int) -> str:
    try:
        async with asyncio.timeout(ANSWER_LIMIT_S):
            _, writer = await asyncio.open_connection(host, port)
        writer.close()
        return ""
    except TimeoutError:
        return f"no answer within {ANSWER_LIMIT_S:g} s"
    except OSError as error:
        return error.strerror or str(error)


async def _quorum(node: Node) -> AsyncIterator[str]:
    """Without this member, the others that answer have to be a majority of all."""
    from talos.etcd.client import EtcdUnavailableError
    from talos.etcd.membership import client, local_client
    from talos.state import NotFoundError

    async def answers(host: str) -> bool:
        try:
            async with asyncio.timeout(ANSWER_LIMIT_S), await client(node.state, [host]) as etcd:
                return bool((await etcd.status()).leader)
        except (TimeoutError, EtcdUnavailableError, GRPCError, OSError):
            return False

    try:
        async with asyncio.timeout(ANSWER_LIMIT_S), await local_client(node.state) as etcd:
            own = (await etcd.status()).header.member_id
            voters = [m for m in await etcd.members() if not m.is_learner]
    except NotFoundError:
        return  # no member was ever started here
    except (TimeoutError, EtcdUnavailableError, GRPCError, OSError) as error:
        yield f"etcd does not say which members it has: {error or 'no answer'}"
        return
    others = [m for m in voters if m.id != own]
    if not others:
        yield "this node is the only member of etcd: the cluster ends with it"
        return
    hosts = [urlsplit(url).hostname or "" for m in others for url in m.client_urls[:1]]
    good = sum(await asyncio.gather(*map(answers, hosts)))
    needed = len(voters) // 2 + 1
    if good < needed:
        yield (
            f"of the {len(voters)} members of etcd {good} would be left that answer, {needed} are needed; let it leave "
            "first with `talosctl etcd leave`"
        )
