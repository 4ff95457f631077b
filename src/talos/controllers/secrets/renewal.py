"""When a set of certificates is issued anew: when what it is made from changed, and after half of its life.

Issuing is not free of consequences (servers restart, clients reconnect), so an unchanged set stays as it is.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TypeVar

from talos.controllers.secrets.pem import earliest_renewal
from talos.state import Resource, Runtime, Spec

S = TypeVar("S", bound=Spec)


class Renewal:
    """Remembers what the current set was made from. One a controller."""

    def __init__(self) -> None:
        self._made_from: object = None

    def due(self, made_from: object, certificates: list[str], now: datetime) -> bool:
        """Whether a new set is needed; ``certificates`` are the leaf certificates in use."""
        if not certificates or made_from != self._made_from:
            return True
        return earliest_renewal(*certificates) <= now

    def done(self, made_from: object) -> None:
        """The set was issued from this."""
        self._made_from = made_from


def requeue_at_renewal(rt: Runtime, *certificates: str) -> None:
    """Run again when the first of the certificates is to be renewed."""
    left: timedelta = earliest_renewal(*certificates) - rt.clock.now()
    rt.requeue_after(max(left.total_seconds(), 1.0))


def spec_or_none(resource: Resource[S] | None) -> S | None:
    """Spec of a resource that may be absent."""
    return resource.spec if resource is not None else None
