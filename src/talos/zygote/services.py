"""The services of a node: what each one is, may do and gets, one row each.

A test reads every value back from /proc and /sys/fs/cgroup of a running node. User ids 50 and 51 are Talos'; 52 to 54
are ours. Memory and cpu figures are those of the contract where it has the service.
"""

from __future__ import annotations

from msgspec import Struct

from talos.linux.capabilities import CAP_NET_ADMIN, CAP_NET_BIND_SERVICE, CAP_NET_RAW, CAP_SYS_TIME
from talos.linux.cgroup import Limits

MIB = 1024 * 1024


class Service(Struct, frozen=True):
    """One forked service."""

    name: str
    module: str
    """its `main() -> int` is called in the child"""
    cgroup: str
    limits: Limits
    uid: int = 0
    capabilities: frozenset[int] | None = frozenset()
    """None: everything that the zygote has"""
    machine_capabilities: frozenset[int] = frozenset()
    """given in addition on a machine, never in a container"""
    always: bool = False
    """runs whatever /run/zygote/want says"""
    imports_itself: bool = False
    """its modules are imported in the child: no other service shares them"""
    at_start: bool = True
    """wanted from the start; machined may change that later"""
    starts_programs: bool = False
    """programs of containers need set-uid and their own scores: no_new_privs must not be set"""
    oom_score_adj: int = -998
    """set where PID 1 may lower it (CAP_SYS_RESOURCE)"""


SERVICES: tuple[Service, ...] = (
    Service(
        "machined",
        "talos.machined.main",
        "init",
        Limits(96 * MIB, 0, 2000),
        capabilities=None,
        always=True,
        imports_itself=True,
        starts_programs=True,
    ),
    Service("apid", "talos.apid.main", "system/apid", Limits(16 * MIB, 128 * MIB, 500), uid=50),
    Service(
        "networkd",
        "talos.networkd.main",
        "system/networkd",
        Limits(16 * MIB, 128 * MIB, 250),
        uid=52,
        capabilities=frozenset({CAP_NET_ADMIN, CAP_NET_RAW, CAP_NET_BIND_SERVICE}),
    ),
    Service(
        "timed",
        "talos.timed.main",
        "system/timed",
        Limits(8 * MIB, 128 * MIB, 250),
        uid=53,
        machine_capabilities=frozenset({CAP_SYS_TIME}),
    ),
    Service("trustd", "talos.trustd.main", "system/trustd", Limits(8 * MIB, 128 * MIB, 250), uid=51, at_start=False),
    Service(
        "registryd",
        "talos.registryd.main",
        "system/registryd",
        Limits(8 * MIB, 128 * MIB, 250),
        uid=54,
        imports_itself=True,
        at_start=False,
    ),
)

CORE = (
    "talos.resources",
    "talos.state.controller_runtime",
    "talos.state.inmemory",
    "talos.state.socket",
    "talos.state.remote",
    "google.protobuf.message",
    "msgspec.json",
    "cryptography.x509",
    "cryptography.hazmat.backends.openssl.backend",
    "cryptography.hazmat.primitives.asymmetric.ed25519",
    "cryptography.hazmat.primitives.asymmetric.ec",
    "talos.networkd.main",
    "talos.timed.main",
)
"""What machined shares with the others; the controllers of networkd and timed, because machined asks them what their
processes may do. A module that cannot be imported is reported and left to the children."""

WARM = "talos.zygote.warm"
PRELOAD = (WARM,)
"""What the others share beside that."""

SHARING = tuple(service.module for service in SERVICES if not service.imports_itself)
