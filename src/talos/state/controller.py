"""What a controller is: a name, the process that runs it, its inputs and outputs, and reconcile.

The declarations are not documentation: the runtime refuses everything else, the
socket of the state allows a process exactly what its controllers declare, and
`talosctl inspect dependencies` draws them.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, ClassVar

from msgspec import Struct

from talos.state.spec import Spec, definition

if TYPE_CHECKING:
    from talos.state.runtime import Runtime


class InputStrength(enum.Enum):
    """WEAK: only read. STRONG: the controller also puts finalizers on it. DESTROY_READY: wakes when it may go."""

    WEAK = "weak"
    STRONG = "strong"
    DESTROY_READY = "destroy-ready"


class OutputMode(enum.Enum):
    """EXCLUSIVE: no other controller writes this type. SHARED: each writes resources of its own."""

    EXCLUSIVE = "exclusive"
    SHARED = "shared"


WEAK, STRONG, DESTROY_READY = InputStrength.WEAK, InputStrength.STRONG, InputStrength.DESTROY_READY
EXCLUSIVE, SHARED = OutputMode.EXCLUSIVE, OutputMode.SHARED


class Input(Struct, frozen=True):
    """Resources that a controller reads and that wake it. id=None: all of the kind."""

    kind: type[Spec]
    strength: InputStrength = WEAK
    id: str | None = None
    namespace: str | None = None

    @property
    def resolved_namespace(self) -> str:
        """The namespace that is meant."""
        return definition(self.kind).namespace if self.namespace is None else self.namespace


class Output(Struct, frozen=True):
    """Resources that a controller writes."""

    kind: type[Spec]
    mode: OutputMode = EXCLUSIVE


class Controller:
    """Base of all controllers. The constructor takes nothing; one instance lives as long as the process.

    Override reconcile, or run for long-lived work. What run or reconcile raises restarts
    run after a back-off, with the same instance.
    """

    name: ClassVar[str]
    process: ClassVar[str] = "machined"
    inputs: ClassVar[tuple[Input, ...]] = ()
    outputs: ClassVar[tuple[Output, ...]] = ()

    async def reconcile(self, rt: Runtime) -> None:
        """Bring outputs in line with inputs. Called at start and after every (coalesced) change of an input."""
        raise NotImplementedError(f"{type(self).__name__} overrides neither reconcile nor run")

    async def run(self, rt: Runtime) -> None:
        """Runs until the process ends; returning means there is nothing more to do."""
        async for _ in rt.events():
            await self.reconcile(rt)
