"""Typed resources with optimistic concurrency and watches, and the controllers that live on them.

The model is COSI's (github.com/cosi-project/specification). Everything the node knows
is a resource; nothing keeps a second copy.
"""

from __future__ import annotations

from talos.state.clock import ZERO_TIME
from talos.state.controller import (
    DESTROY_READY,
    EXCLUSIVE,
    SHARED,
    STRONG,
    WEAK,
    Controller,
    Input,
    InputStrength,
    Output,
    OutputMode,
)
from talos.state.controller_runtime import ControllerRuntime
from talos.state.discovery import discover
from talos.state.enums import WireEnum, WireFlag
from talos.state.errors import (
    AccessError,
    AlreadyExistsError,
    BookmarkError,
    ConflictError,
    NotFoundError,
    OwnerError,
    PendingFinalizersError,
    PhaseError,
    StateError,
    UnavailableError,
    UnknownTypeError,
    WatchOverflowError,
)
from talos.state.inmemory import InMemoryState
from talos.state.interface import State
from talos.state.resource import AnyResource, Metadata, Phase, Resource
from talos.state.runtime import Runtime
from talos.state.spec import Definition, Part, Spec, definition, kind_of, part, resource
from talos.state.watch import Event, EventKind, Watch

__all__ = [
    "DESTROY_READY",
    "EXCLUSIVE",
    "SHARED",
    "STRONG",
    "WEAK",
    "ZERO_TIME",
    "AccessError",
    "AlreadyExistsError",
    "AnyResource",
    "BookmarkError",
    "ConflictError",
    "Controller",
    "ControllerRuntime",
    "Definition",
    "Event",
    "EventKind",
    "InMemoryState",
    "Input",
    "InputStrength",
    "Metadata",
    "NotFoundError",
    "Output",
    "OutputMode",
    "OwnerError",
    "Part",
    "PendingFinalizersError",
    "Phase",
    "PhaseError",
    "Resource",
    "Runtime",
    "Spec",
    "State",
    "StateError",
    "UnavailableError",
    "UnknownTypeError",
    "Watch",
    "WatchOverflowError",
    "WireEnum",
    "WireFlag",
    "definition",
    "discover",
    "kind_of",
    "part",
    "resource",
]
