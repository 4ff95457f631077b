"""What Bootstrap promised, on the disk until etcd has data of its own: a node that loses its power before etcd has
begun, or whose machined is killed, founds its cluster afterwards.

It lies beside the data, on the same volume: whoever wipes the one wipes the other.

A machine of the old type `init` founds a cluster unasked. That it may do once: with its data gone, and the others still
there, it would found a second cluster beside the first. So STATE remembers that a member ran here, and a machine that
lost its data waits as every other does, for members that let it join or for Bootstrap.
"""

from __future__ import annotations

import logging
from pathlib import Path

import msgspec

from talos.environment import NodeEnvironment
from talos.etcd.bootstrap import ID, EtcdBootstrapRequest
from talos.etcd.membership import has_data, others_answer
from talos.machined import durable
from talos.state import AlreadyExistsError, Resource, State

log = logging.getLogger("machined.etcd")
PATH = Path("/var/lib/etcd.bootstrap")
MEMBER = Path("/system/state/etcd-member")
"""there since a member of etcd first ran here, or was to be founded unasked"""


def keep(env: NodeEnvironment, request: EtcdBootstrapRequest) -> None:
    """For good. OSError: nothing was kept."""
    durable.write(env.path(PATH), msgspec.json.encode(request))


def forget(env: NodeEnvironment) -> None:
    """It is carried out, or cannot be; none there is fine."""
    if env.path(PATH).exists():
        durable.remove(env.path(PATH))


def remember(env: NodeEnvironment) -> None:
    """A member runs here. OSError."""
    if not env.path(MEMBER).exists():
        durable.write(env.path(MEMBER), b"")


async def unasked(env: NodeEnvironment, state: State) -> None:
    """Found a cluster on a machine of the type init, if there was none before: neither here nor, as far as members
    answer, on other control plane nodes. OSError: nothing was begun."""
    if has_data(env) or env.path(PATH).exists():
        return
    if env.path(MEMBER).exists():
        log.warning(
            "this machine of the type init was a member of etcd before and lost its data: it founds no second cluster; "
            "it joins the other members, or `talosctl bootstrap` founds a new one"
        )
        return
    if members := await others_answer(state):
        log.info("etcd runs on %s already: this machine of the type init joins it", ", ".join(members))
        return
    keep(env, EtcdBootstrapRequest())
    remember(env)  # after the promise: a power loss in between leaves one that is kept
    log.info("etcd is founded on this machine, which is of the type init")


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
