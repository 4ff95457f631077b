"""Merging of specs from layers: default < cmdline < platform < operator < configuration.

All merge controllers are this one class with a kind and, where specs of several layers do not replace but complete each
other, a function of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import ClassVar, Protocol, TypeVar

from talos.controllers.publish import publish
from talos.resources.enums import ConfigLayer
from talos.state.controller import Controller
from talos.state.runtime import Runtime
from talos.state.spec import Spec

CONFIG_NAMESPACE = "network-config"


class Layered(Protocol):
    """A spec that says which layer it comes from."""

    layer: ConfigLayer


L = TypeVar("L", bound=Spec)


def layered_id(layer: ConfigLayer, id_: str) -> str:
    """Id of an unmerged spec in network-config."""
    return f"{layer.text}/{id_}"


def final_id(layered: str, layer: ConfigLayer) -> str:
    """Id after merging. What stands before the layer names the operator, of which one layer may have several."""
    prefix, found, rest = f"/{layered}".partition(f"/{layer.text}/")
    return rest if found else prefix.lstrip("/").partition("/")[2]


def merge(specs: Iterable[tuple[str, L]], combine: Callable[[L, L], L] | None = None) -> dict[str, L]:
    """Final id → spec, from (layered id, spec): a higher layer replaces a lower one, or is combined on top of it."""
    merged: dict[str, L] = {}
    for layered, spec in sorted(specs, key=lambda item: (int(item[1].layer), item[0])):  # type: ignore[attr-defined]
        id_ = final_id(layered, spec.layer)  # type: ignore[attr-defined]
        merged[id_] = combine(merged[id_], spec) if combine is not None and id_ in merged else spec
    return merged


class MergeController(Controller):
    """Base of the merge controllers; a subclass names kind, inputs and outputs."""

    process = "networkd"
    kind: ClassVar[type[Spec]]

    @staticmethod
    def combine(lower: Spec, higher: Spec) -> Spec:
        """The higher layer wins whole unless a subclass knows better."""
        del lower
        return higher

    async def reconcile(self, rt: Runtime) -> None:
        found = await rt.list(self.kind, namespace=CONFIG_NAMESPACE)
        merged = merge(((resource.id, resource.spec) for resource in found), self.combine)
        await publish(rt, self.kind, merged)
