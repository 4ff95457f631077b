"""One resource, for as long as the process lives: for processes that use a value or two and host no controller."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import TypeVar

from talos.state.errors import UnavailableError
from talos.state.interface import State
from talos.state.spec import Spec
from talos.state.watch import EventKind

S = TypeVar("S", bound=Spec)

RETRY_S = 0.02
MAX_RETRY_S = 0.25
"""Connecting to a local socket costs microseconds, and a node that boots waits for its certificate: no long pauses."""


async def follow(state: State, kind: type[S], id: str, use: Callable[[S | None], None], log: logging.Logger) -> None:
    """Hand every value of a resource to `use`, None for its end; never returns.

    While the state cannot be reached (machined restarts) `use` hears nothing: what is known stays.
    """
    delay = RETRY_S
    while True:
        try:
            async with state.watch(kind, id) as events:
                async for event in events:
                    delay = RETRY_S
                    alive = event.kind in (EventKind.CREATED, EventKind.UPDATED)
                    use(event.resource.spec if alive else None)
        except (OSError, EOFError, UnavailableError) as error:
            log.debug("state not reachable: %s", error)
        except Exception as error:
            log.warning("watching %s failed: %s: %s", kind.__name__, type(error).__name__, error)
        await asyncio.sleep(delay)
        delay = min(delay * 2, MAX_RETRY_S)
