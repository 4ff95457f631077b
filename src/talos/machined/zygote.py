"""How machined speaks to the zygote: files below /run/zygote that say which services are wanted, and what runs.

`want/<name>` exists: the service shall run; a SIGHUP makes the zygote look. `state/<name>` is JSON that it replaces at
each change.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import AsyncIterator
from pathlib import Path

from talos.linux.inotify import IN_CLOSE_WRITE, IN_CREATE, IN_MOVED_TO, Inotify

DIRECTORY = Path("/run/zygote")


class ZygoteLink:
    """The services that the zygote forks."""

    def __init__(self, directory: Path = DIRECTORY) -> None:
        self._directory = directory

    async def want(self, id: str) -> None:
        """Ask for a service."""
        path = self._directory / "want" / id
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
            self._nudge()

    async def unwant(self, id: str) -> None:
        """Ask the zygote to stop a service and wait until it has ended."""
        path = self._directory / "want" / id
        path.unlink(missing_ok=True)
        self._nudge()
        async for pid in self.pids(id):
            if pid is None:
                return

    def pid(self, id: str) -> int | None:
        """PID of a running service, None if it does not run."""
        try:
            state = json.loads((self._directory / "state" / id).read_text())
        except (FileNotFoundError, ValueError):
            return None
        return int(state.get("pid", 0)) or None

    async def pids(self, id: str) -> AsyncIterator[int | None]:
        """The PID now and whenever it changes."""
        async with Inotify() as changes:
            folder = self._directory / "state"
            folder.mkdir(parents=True, exist_ok=True)
            changes.add(folder, IN_CREATE | IN_MOVED_TO | IN_CLOSE_WRITE)
            known = self.pid(id)
            yield known
            async for change in changes:
                if change.name == id and (current := self.pid(id)) != known:
                    known = current
                    yield known

    async def wait_changed(self, id: str, pid: int) -> None:
        """Return when the service no longer runs under this PID."""
        async for current in self.pids(id):
            if current != pid:
                return

    def _nudge(self) -> None:
        with contextlib.suppress(FileNotFoundError, ValueError, ProcessLookupError):
            os.kill(int((self._directory / "pid").read_text()), signal.SIGHUP)
