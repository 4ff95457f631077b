"""The graph of controllers and resource types, from the declarations alone."""

from __future__ import annotations

import enum
from collections.abc import Iterable

from msgspec import Struct

from talos.state.controller import Controller, InputStrength, OutputMode
from talos.state.spec import definition


class EdgeKind(enum.Enum):
    """How a controller uses a type; the names are those of inspect.DependencyEdgeType."""

    OUTPUT_EXCLUSIVE = "exclusive"
    OUTPUT_SHARED = "shared"
    INPUT_STRONG = "strong"
    INPUT_WEAK = "weak"
    INPUT_DESTROY_READY = "destroy-ready"


_INPUTS = {
    InputStrength.WEAK: EdgeKind.INPUT_WEAK,
    InputStrength.STRONG: EdgeKind.INPUT_STRONG,
    InputStrength.DESTROY_READY: EdgeKind.INPUT_DESTROY_READY,
}


class Edge(Struct, frozen=True):
    """One use. namespace and id are empty for outputs, id also for an input that is all of a kind."""

    controller: str
    kind: EdgeKind
    type: str
    namespace: str = ""
    id: str = ""


def edges(controllers: Iterable[Controller | type[Controller]]) -> list[Edge]:
    """All edges: exclusive outputs, shared outputs, inputs, each by controller and in the order of declaration."""
    found = sorted(controllers, key=lambda c: c.name)
    outputs = [
        Edge(c.name, EdgeKind.OUTPUT_EXCLUSIVE if mode is OutputMode.EXCLUSIVE else EdgeKind.OUTPUT_SHARED, kind)
        for mode in OutputMode
        for c in found
        for kind in (definition(o.kind).type for o in c.outputs if o.mode is mode)
    ]
    inputs = [
        Edge(c.name, _INPUTS[i.strength], definition(i.kind).type, i.resolved_namespace, i.id or "")
        for c in found
        for i in c.inputs
    ]
    return outputs + inputs
