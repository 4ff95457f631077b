"""How controllers write: the whole spec of one resource is new, or their whole output is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from talos.state.runtime import Runtime
from talos.state.spec import Spec

S = TypeVar("S")


def always(spec: S) -> Callable[[Any], S]:
    """For `rt.modify(kind, id, always(spec))`: whatever was there. In a loop a lambda would bind its last spec."""
    return lambda _old: spec


async def publish(
    rt: Runtime, kind: type[Spec], desired: Mapping[str, Spec], *, namespace: str | None = None
) -> None:
    """Make the controller's own resources of a kind equal to desired (id → spec): written, or removed."""
    for id_, spec in desired.items():
        await rt.modify(kind, id_, always(spec), namespace=namespace)
    await rt.keep_only(kind, desired, namespace=namespace)
