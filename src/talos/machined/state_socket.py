"""Which process of the node may read and write what on the socket of the state.

networkd and timed may do what the controllers that run in them declare, and nothing
else: a fault in either cannot reach a secret. apid, trustd and registryd read the few types they
need. The user id tells who calls; several processes of user 0 cannot be told apart, and
root needs no socket to do harm, so it may do everything.
"""

from __future__ import annotations

import functools
import os
from contextlib import AbstractAsyncContextManager

from talos.resources.access import AccessPolicySpec
from talos.resources.cluster import MemberSpec
from talos.resources.config import MachineTypeSpec
from talos.resources.cri import ImageCacheConfigSpec
from talos.resources.network import HostnameStatusSpec, NodeAddressSpec
from talos.resources.runtime import APIServiceConfigSpec, MachineStatusSpec
from talos.resources.secrets import APICertsSpec, CertSANSpec, OSRootSpec, TrustdCertsSpec
from talos.state import AccessError, InMemoryState, InputStrength, Spec, definition
from talos.state.discovery import discover
from talos.state.socket import StateSocket

USERS = {50: "apid", 51: "trustd", 52: "networkd", 53: "timed", 54: "registryd"}
"""user id → process; a test compares it with talos.zygote.services, which stands above this layer"""

USER_IDS = {process: user for user, process in USERS.items()}

PACKAGES = {"networkd": "talos.controllers.network", "timed": "talos.controllers.time"}
"""process → where its controllers are; to look through all of them would import machined's"""

READERS: dict[str, tuple[type[Spec], ...]] = {
    "apid": (APICertsSpec, APIServiceConfigSpec, HostnameStatusSpec, NodeAddressSpec, MemberSpec, MachineTypeSpec,
             MachineStatusSpec, AccessPolicySpec),
    "registryd": (ImageCacheConfigSpec,),
    "trustd": (TrustdCertsSpec, OSRootSpec, CertSANSpec, HostnameStatusSpec, NodeAddressSpec),
}  # fmt: skip


class ProcessAccess:
    """What one process may do."""

    def __init__(self, process: str) -> None:
        self._process = process
        self._readable = {(kind, definition(kind).namespace) for kind in READERS.get(process, ())}
        self._held: set[type[Spec]] = set()
        self._written: dict[type[Spec], set[str]] = {}
        package = PACKAGES.get(process)
        for controller in discover(package, process) if package is not None else ():
            for item in controller.inputs:
                self._readable.add((item.kind, item.resolved_namespace))
                if item.strength is not InputStrength.WEAK:
                    self._held.add(item.kind)
            for output in controller.outputs:
                self._written.setdefault(output.kind, set()).add(controller.name)

    def read(self, kind: type[Spec], namespace: str) -> None:
        if (kind, namespace) not in self._readable and kind not in self._written:
            raise AccessError(f"{self._process} may not read {definition(kind).type} in namespace {namespace}")

    def write(self, kind: type[Spec], namespace: str, owner: str) -> None:
        if owner not in self._written.get(kind, ()):
            raise AccessError(f"{self._process} may not write {definition(kind).type} as {owner or 'nobody'}")

    def hold(self, kind: type[Spec], namespace: str) -> None:
        if kind not in self._held:
            raise AccessError(f"{self._process} may not put finalizers on {definition(kind).type}")


class FullAccess:
    """The superuser."""

    def read(self, kind: type[Spec], namespace: str) -> None: ...

    def write(self, kind: type[Spec], namespace: str, owner: str) -> None: ...

    def hold(self, kind: type[Spec], namespace: str) -> None: ...


class NoAccess:
    """A user that is none of the node's services, a pod for example."""

    def __init__(self, uid: int) -> None:
        self._uid = uid

    def read(self, kind: type[Spec], namespace: str) -> None:
        raise AccessError(f"user {self._uid} is no service of this node")

    def write(self, kind: type[Spec], namespace: str, owner: str) -> None:
        self.read(kind, namespace)

    def hold(self, kind: type[Spec], namespace: str) -> None:
        self.read(kind, namespace)


@functools.cache
def access_of(uid: int) -> ProcessAccess | FullAccess | NoAccess:
    """The rights of a user id."""
    if uid == 0:
        return FullAccess()
    process = USERS.get(uid)
    return NoAccess(uid) if process is None else ProcessAccess(process)


def serve(state: InMemoryState, path: str | os.PathLike[str]) -> AbstractAsyncContextManager[StateSocket]:
    """Serve the state to the node's own processes for the duration of the context."""
    return StateSocket(state, path, access_of)
