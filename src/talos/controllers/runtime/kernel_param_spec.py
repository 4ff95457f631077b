"""Applies kernel parameters, and takes them back to what they were when nothing asks for them any more.

A container node writes only sysctls that live in its own namespaces (network, IPC, host name): the others are the
host's. They are reported as unsupported, with the value that the host has, and are never written.
"""

from __future__ import annotations

import json
from pathlib import Path

from talos.config.host_owned import NAMESPACED
from talos.controllers.publish import always
from talos.resources.runtime import KernelParamDefaultSpecSpec, KernelParamSpecSpec, KernelParamStatusSpec
from talos.state.controller import Controller, Input, Output
from talos.state.runtime import Runtime

BEFORE = "/run/machined/kernel-params.json"
SETTLE_S = 5.0
"""after a start of machined: what asks for parameters may not have been read yet, and ip_forward must not flicker"""


def path_of(id: str) -> str:
    """File of a parameter: proc.sys.net.ipv4.ip_forward → /proc/sys/net/ipv4/ip_forward.

    A dot inside a name (an interface's, net.ipv4.conf.eth0/1.forwarding) is written as a slash, as sysctl(8) does.
    """
    kind, _, name = ("proc.sys", "", id[9:]) if id.startswith("proc.sys.") else ("sys", "", id[4:])
    swapped = name.translate(str.maketrans("./", "/."))
    if ".." in Path(swapped).parts:
        raise ValueError(f"{id} is not the name of a kernel parameter")
    return f"/{kind.replace('.', '/')}/{swapped}"


def belongs_to_container(id: str) -> bool:
    """Whether a container node may write it."""
    return id.startswith("proc.sys.") and id[9:].startswith(NAMESPACED)


class KernelParamSpecController(Controller):
    """KernelParamSpecs and defaults → /proc/sys and /sys → KernelParamStatuses."""

    name = "runtime.KernelParamSpecController"
    inputs = (Input(KernelParamSpecSpec), Input(KernelParamDefaultSpecSpec))
    outputs = (Output(KernelParamStatusSpec),)

    def __init__(self) -> None:
        self._since: float | None = None

    async def reconcile(self, rt: Runtime) -> None:
        if self._since is None:
            self._since = rt.env.clock.monotonic()
            rt.requeue_after(SETTLE_S)
        before = _read(rt)
        known = dict(before)
        wanted = {r.id: (r.spec.value, r.spec.ignore_errors) for r in await rt.list(KernelParamDefaultSpecSpec)}
        wanted |= {r.id: (r.spec.value, r.spec.ignore_errors) for r in await rt.list(KernelParamSpecSpec)}
        errors = []
        for id, (value, ignore_errors) in sorted(wanted.items()):
            try:
                status = self._apply(rt, id, value, before)
            except OSError as error:
                status = KernelParamStatusSpec(unsupported=True)
                if not ignore_errors:
                    errors.append(f"{id}={value}: {error.strerror}")
            await rt.modify(KernelParamStatusSpec, id, always(status))
        settled = rt.env.clock.monotonic() - self._since >= SETTLE_S
        for id in [id for id in before if settled and id not in wanted]:
            try:
                rt.env.path(path_of(id)).write_text(before.pop(id))
            except OSError as error:  # an interface that is gone takes its parameters with it
                errors.append(f"{id}, back to what it was: {error.strerror}")
        if before != known:
            _write(rt, before)
        await rt.keep_only(KernelParamStatusSpec, wanted)
        if errors:
            rt.log.error("kernel parameters that could not be set: %s", "; ".join(errors))

    def _apply(self, rt: Runtime, id: str, value: str, before: dict[str, str]) -> KernelParamStatusSpec:
        path = rt.env.path(path_of(id))
        if rt.env.in_container and not belongs_to_container(id):
            host = rt.env.path(f"/run/machined/sysctl/host/{path_of(id).removeprefix('/proc/sys/')}")
            source = (
                host if host.exists() else path
            )  # a covered file says what the kubelet wants, not what the host has
            current = source.read_text().strip() if source.exists() else ""
            return KernelParamStatusSpec(current=current, default=current, unsupported=True)
        if not path.exists():
            return KernelParamStatusSpec(unsupported=True)
        now = path.read_text().strip()
        if id not in before:
            before[id] = now
            _write(rt, before)  # first: a machined that is killed in between would take the new value for the old one
        if now.split() != value.split():
            path.write_text(value)
        return KernelParamStatusSpec(current=path.read_text().strip(), default=before[id])


def _read(rt: Runtime) -> dict[str, str]:
    """What parameters were before the node first set them; in memory's file system, so it outlives machined and ends
    with the boot, as the parameters do."""
    try:
        return dict(json.loads(rt.env.path(BEFORE).read_bytes()))
    except (OSError, ValueError):
        return {}


def _write(rt: Runtime, before: dict[str, str]) -> None:
    path = rt.env.path(BEFORE)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".new")
    partial.write_text(json.dumps(before))
    partial.replace(path)
