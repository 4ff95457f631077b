"""Controllers that only turn the machine configuration, or other resources, into one: a pure function and nothing else.

Some thirty controllers differ in that function alone; this is the part they have in common.
"""

from __future__ import annotations

from typing import Any, ClassVar

from talos.config import Config
from talos.controllers.machine_config import ACTIVE_CONFIG, active
from talos.controllers.publish import always
from talos.state import Controller, Runtime, Spec
from talos.state.controller import STRONG
from talos.state.resource import Phase, Resource


class ConfigTransform(Controller):
    """Keeps resource ``id`` of ``kind`` equal to ``render(configuration)``; None means: there is no such resource."""

    inputs = (ACTIVE_CONFIG,)
    kind: ClassVar[type[Spec]]
    id: ClassVar[str]

    def render(self, config: Config) -> Spec | None:
        """The spec that the configuration asks for."""
        raise NotImplementedError(f"{type(self).__name__} does not override render")

    async def reconcile(self, rt: Runtime) -> None:
        config = await active(rt)
        spec = self.render(config) if config is not None else None
        if spec is None:
            await rt.keep_only(self.kind, ())
        else:
            await rt.modify(self.kind, self.id, always(spec))


class ResourceTransform(Controller):
    """Keeps resource ``id`` of ``kind`` equal to ``render(specs of the inputs)``; none while one is missing. An input
    that it declares STRONG goes after what was made of it."""

    kind: ClassVar[type[Spec]]
    id: ClassVar[str]

    def render(self, *specs: Any, **_: Any) -> Spec | None:
        """The spec that follows from those of ``inputs``, given in their order."""
        raise NotImplementedError(f"{type(self).__name__} does not override render")

    async def reconcile(self, rt: Runtime) -> None:
        specs: list[Spec] = []
        going: list[Resource[Any]] = []
        for item in self.inputs:
            resource = await rt.get_or_none(item.kind, item.id or "")
            if resource is None:
                continue
            if item.strength is STRONG and resource.md.phase is Phase.TEARING_DOWN:
                going.append(resource)
                continue
            specs.append(resource.spec)
            if item.strength is STRONG:
                await rt.add_finalizer(resource)
        spec = self.render(*specs) if len(specs) == len(self.inputs) else None
        if spec is None:
            await rt.keep_only(self.kind, ())
        else:
            await rt.modify(self.kind, self.id, always(spec))
        for resource in going:
            await rt.remove_finalizer(resource)
