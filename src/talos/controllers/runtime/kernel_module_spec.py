"""Loads the modules of the specs and says which ones the kernel has. In a container they are the host's: left alone."""

from __future__ import annotations

import asyncio

from talos.controllers.publish import publish
from talos.linux.modules import ModuleTree, canonical
from talos.resources.runtime import DevicesStatusSpec, KernelModuleSpecSpec, LoadedKernelModuleSpec
from talos.state.controller import EXCLUSIVE, Controller, Input, Output
from talos.state.runtime import Runtime

_LOOK_AGAIN_S = 60.0


def loaded(text: str) -> dict[str, LoadedKernelModuleSpec]:
    """/proc/modules (proc(5)): name, size, references, users or "-", state, address."""
    found = {}
    for line in text.splitlines():
        name, size, references, users, state, address, *_ = [*line.split(), "", "", "", "", ""]
        if size.isdigit():
            found[name] = LoadedKernelModuleSpec(
                size=int(size),
                reference_count=int(references) if references.isdigit() else 0,
                dependencies=[user for user in users.split(",") if user not in ("", "-")],
                state=state,
                address=address,
            )
    return found


class KernelModuleSpecController(Controller):
    name = "runtime.KernelModuleSpecController"
    inputs = (Input(KernelModuleSpecSpec), Input(DevicesStatusSpec))
    outputs = (Output(LoadedKernelModuleSpec, EXCLUSIVE),)

    def __init__(self) -> None:
        self._done: set[str] = set()

    async def reconcile(self, rt: Runtime) -> None:
        if rt.env.in_container:
            return
        specs = [resource.spec for resource in await rt.list(KernelModuleSpecSpec)]
        tree = ModuleTree(rt.env.root, rt.env.arguments)
        for spec in specs:
            if spec.name not in self._done:
                self._done.add(spec.name)
                await self._load(rt, tree, spec)
        await publish(rt, LoadedKernelModuleSpec, loaded(rt.env.path("/proc/modules").read_text()))
        rt.requeue_after(_LOOK_AGAIN_S)

    async def _load(self, rt: Runtime, tree: ModuleTree, spec: KernelModuleSpecSpec) -> None:
        names = await asyncio.to_thread(tree.named, spec.name)
        known = canonical(spec.name) in tree.loaded() or not spec.parameters
        if not names and not known:
            rt.log.warning("module %s is not part of this kernel's modules", spec.name)
        try:
            new = await asyncio.to_thread(tree.load, names, dict.fromkeys(names, spec.parameters))
        except OSError as error:
            rt.log.error("module %s: %s", spec.name, error)
            return
        if new:
            rt.log.info("loaded %s", ", ".join(new))
