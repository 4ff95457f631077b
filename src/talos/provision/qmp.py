"""How QEMU tells that a machine restarts, or was switched off: events of its machine protocol (qmp-spec.txt).

Needed where QEMU is to end at a restart (-no-reboot), since it ends with status 0 either way."""

from __future__ import annotations

import json
import socket

RESTART = "guest-reset"
"""reason of SHUTDOWN (qapi/run-state.json, ShutdownCause): the machine was to restart, by itself or by its watchdog"""


class Monitor:
    """descriptor: what QEMU inherits; the caller closes its own copy."""

    def __init__(self) -> None:
        self._ours, theirs = socket.socketpair()
        self.descriptor = theirs.detach()

    @property
    def words(self) -> list[str]:
        return ["-chardev", f"socket,id=qmp,fd={self.descriptor}", "-mon", "chardev=qmp,mode=control"]

    def reason(self) -> str:
        """Why the machine ended, when it has; "" where QEMU did not say."""
        found = ""
        # Not written through the stream: what could not be sent would fail once more when the stream is closed.
        with self._ours, self._ours.makefile("rb") as stream:
            try:
                self._ours.sendall(b'{"execute": "qmp_capabilities"}\n')
                for line in stream:
                    event = json.loads(line)
                    if event.get("event") == "SHUTDOWN":
                        found = str(event["data"].get("reason", ""))
            except (OSError, ValueError):
                pass
        return found
