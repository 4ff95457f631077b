"""Version numbers that outlive machined.

A static pod carries the versions of what it was rendered from as annotations: a change restarts the pod. Versions of
resources would do, but they begin again with machined, and a machined that was killed must not restart the API server.
So the numbers stand in a file in memory, beside a digest of what they number.

Certificates are issued anew by a restarted machined although nothing changed; servers read them again by themselves.
Therefore the digest at start may leave out what ``identity`` leaves out, and the number goes up only for a change
after that.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from talos.controllers.files_on_disk import write_file
from talos.environment import NodeEnvironment

LEDGER = "/system/run/static-pod-versions.json"


class Versions:
    """One a controller and thing: numbers successive contents of it."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._content = ""

    def number(self, env: NodeEnvironment, content: object, *, identity: object = None) -> str:
        """The version of ``content``; ``identity`` (default: the content) is what makes it another one at start."""
        digest = _digest(content)
        key = _digest(content if identity is None else identity)
        path = env.path(LEDGER)
        ledger = _read(path)
        known = ledger.get(self._name)
        if known is None:
            version = 1
        elif self._content:
            version = known["version"] + (digest != self._content)
        else:
            version = known["version"] + (key != known["identity"])
        self._content = digest
        entry = {"version": version, "identity": key}
        if entry != known:
            write_file(path, json.dumps({**ledger, self._name: entry}).encode(), mode=0o600)
        return str(version)


def _digest(content: object) -> str:
    return hashlib.sha256(repr(content).encode()).hexdigest()


def _read(path: Path) -> dict[str, Any]:
    try:
        ledger = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return ledger if isinstance(ledger, dict) else {}
