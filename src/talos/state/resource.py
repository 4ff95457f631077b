"""A resource: metadata and a spec."""

from __future__ import annotations

import datetime
import enum
from typing import Any, Generic, TypeVar

import msgspec

from talos.state.clock import ZERO_TIME
from talos.state.clone import clone
from talos.state.spec import Spec, definition

S = TypeVar("S", bound=Spec)


class Phase(enum.StrEnum):
    """Life of a resource; the text is the one on the wire."""

    RUNNING = "running"
    TEARING_DOWN = "tearingDown"


class Metadata(msgspec.Struct, kw_only=True):
    """What the state knows of every resource. version 0 is "undefined": never stored."""

    namespace: str
    type: str
    id: str
    version: int = 0
    owner: str = ""
    phase: Phase = Phase.RUNNING
    finalizers: list[str] = []
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    created: datetime.datetime = ZERO_TIME
    updated: datetime.datetime = ZERO_TIME

    def copy(self) -> Metadata:
        """A copy that shares nothing mutable."""
        return clone(self)

    def __str__(self) -> str:
        version = str(self.version) if self.version else "undefined"
        return f"{self.type}({self.namespace}/{self.id}@{version})"


class Resource(Generic[S]):
    """Metadata `md` and `spec` of one resource. Always the reader's own copy."""

    __slots__ = ("md", "spec")

    def __init__(self, md: Metadata, spec: S) -> None:
        self.md = md
        self.spec = spec

    @classmethod
    def new(
        cls,
        kind: type[S],
        id: str,
        spec: S | None = None,
        *,
        namespace: str | None = None,
        labels: dict[str, str] | None = None,
        annotations: dict[str, str] | None = None,
    ) -> Resource[S]:
        """A resource that is not stored yet."""
        about = definition(kind)
        md = Metadata(
            namespace=namespace or about.namespace,
            type=about.type,
            id=id,
            labels=dict(labels or {}),
            annotations=dict(annotations or {}),
        )
        return cls(md, kind() if spec is None else spec)

    @property
    def kind(self) -> type[S]:
        """The spec's class."""
        return type(self.spec)

    @property
    def id(self) -> str:
        """Short for md.id."""
        return self.md.id

    def copy(self) -> Resource[S]:
        """A copy that shares nothing mutable."""
        return Resource(clone(self.md), clone(self.spec))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Resource) and self.md == other.md and self.spec == other.spec

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"<{self.md} {self.spec!r}>"


AnyResource = Resource[Any]
