"""What Bootstrap promised, on the disk until etcd has data of its own: a node that loses its power before etcd has
begun, or whose machined is killed, founds its cluster afterwards.

It lies beside the data, on the same volume: whoever wipes the one wipes the other.
"""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from talos.environment import NodeEnvironment
from talos.etcd.bootstrap import ID, EtcdBootstrapRequest
from talos.etcd.membership import has_data
from talos.machined import durable
from talos.state import AlreadyExistsError, Resource, State

log = logging.getLogger("machined.etcd")
PATH = Path("/var/lib/etcd.bootstrap")


def keep(env: NodeEnvironment, request: EtcdBootstrapRequest) -> None:
    """For good. OSError: nothing was kept."""
    durable.write(env.path(PATH), msgspec.json.encode(request))


def forget(env: NodeEnvironment) -> None:
    """It is carried out, or cannot be; none there is fine."""
    if env.path(PATH).exists():
        durable.remove(env.path(PATH))


async def resume(env: NodeEnvironment, state: State) -> None:
    """Ask again for what was promised and not carried out."""
    if has_data(env):
        forget(env)
        return
    try:
        founding = msgspec.json.decode(env.path(PATH).read_bytes(), type=EtcdBootstrapRequest)
    except FileNotFoundError:
        return
    except msgspec.MsgspecError as error:
        log.error("%s is unreadable (%s): bootstrap etcd again", PATH, error)
        forget(env)
        return
    try:
        await state.create(Resource.new(EtcdBootstrapRequest, ID, founding))
        log.info("etcd is to be bootstrapped, as was asked before this start")
    except AlreadyExistsError:
        pass
