"""What a service waits for before it starts. The text is what `talosctl service` shows after "Waiting for".

A condition is a name and a wait; none of them polls: resources are watched, files are learned from inotify.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from talos.linux.inotify import IN_CLOSE_WRITE, IN_CREATE, IN_MOVED_TO, Inotify

if TYPE_CHECKING:
    from talos.machined.node import Node
    from talos.state.spec import Spec


class Condition:
    """One thing to wait for."""

    text = ""

    async def wait(self, node: Node) -> None:
        """Return when the condition holds."""
        raise NotImplementedError

    async def holds(self, node: Node) -> bool:
        """Whether `wait` would return at once."""
        task = asyncio.ensure_future(self.wait(node))
        try:
            for _ in range(8):  # a watch delivers its first value after a few turns of the loop, not more
                await asyncio.sleep(0)
                if task.done():
                    task.result()
                    return True
            return False
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


class ResourceCondition(Condition):
    """A resource exists and satisfies a predicate on its spec."""

    def __init__(self, text: str, kind: type[Spec], id: str, predicate: Callable[[Any], bool] | None = None) -> None:
        self.text = text
        self._kind, self._id, self._predicate = kind, id, predicate

    async def wait(self, node: Node) -> None:
        predicate = self._predicate
        await node.state.wait_for(
            self._kind, self._id, None if predicate is None else (lambda resource: predicate(resource.spec))
        )


class ServiceUp(Condition):
    """Another service runs and, if it has a health check, is healthy."""

    def __init__(self, id: str) -> None:
        self.text = f'service "{id}" to be "up"'
        self._id = id

    async def wait(self, node: Node) -> None:
        await node.supervisor.wait_up(self._id)


class FilesExist(Condition):
    """All of these files exist."""

    def __init__(self, text: str, paths: Iterable[Path]) -> None:
        self.text = text
        self._paths = tuple(paths)

    async def wait(self, node: Node) -> None:
        if all(path.exists() for path in self._paths):
            return
        async with Inotify() as changes:
            for parent in {path.parent for path in self._paths}:
                parent.mkdir(parents=True, exist_ok=True)
                changes.add(parent, IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE)
            while not all(path.exists() for path in self._paths):
                await changes.wait()


def describe(conditions: Iterable[Condition]) -> str:
    """ "Waiting for A, B, C" """
    return "Waiting for " + ", ".join(condition.text for condition in conditions)
