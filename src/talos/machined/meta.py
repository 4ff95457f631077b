"""META: small values by number that outlive configurations and upgrades, published as MetaKeys.runtime.talos.dev.

Where they are kept differs by platform; whoever reads them reads the resources. A container node has no META partition:
its values lie in a file on the STATE volume. Talos refuses META in container mode, ours carries it out.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Protocol

from talos.config.redact import REDACTED
from talos.machined import durable
from talos.machined.disk.meta_store import STATE_ENCRYPTION
from talos.resources.runtime import MetaKeySpec, MetaLoadedSpec

if TYPE_CHECKING:
    from pathlib import Path

    from talos.machined.node import Node

log = logging.getLogger("machined.meta")

PATH = "/system/state/meta.json"
OWNER = "runtime.MetaController"
LOADED = "meta-loaded"
MAX_KEY = 0xFF
MAX_BYTES = 128 * 1024
"""as much as fits a META partition with room for its framing"""


class MetaError(Exception):
    """The value cannot be kept; nothing changed."""


class MetaStore(Protocol):
    """Where values are kept. `save` returns when a crash cannot lose them; OSError leaves what was there."""

    def load(self) -> dict[int, bytes]: ...
    def save(self, values: dict[int, bytes]) -> None: ...


class FileStore:
    """One file, replaced as a whole."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> dict[int, bytes]:
        """Nothing when there is no file; ValueError when it is not ours."""
        try:
            found = json.loads(self._path.read_bytes())
        except FileNotFoundError:
            return {}
        return {int(key, 16): bytes.fromhex(value) for key, value in found.items()}

    def save(self, values: dict[int, bytes]) -> None:
        data = {f"{key:#04x}": value.hex() for key, value in sorted(values.items())}
        durable.write(self._path, json.dumps(data).encode())


class Meta:
    """The values of this node."""

    def __init__(self, node: Node, store: MetaStore | None) -> None:
        """store None: this platform keeps no META yet; writes are refused."""
        self._node = node
        self._store = store
        self._values: dict[int, bytes] = {}

    async def load(self) -> None:
        """Read and publish. What cannot be read is reported and kept away: the next write begins anew."""
        try:
            self._values = self._store.load() if self._store is not None else {}
        except (OSError, ValueError) as error:
            log.error("META cannot be read, its values are lost: %s", error)
        for key, value in self._values.items():
            await self._publish(key, value)

        def loaded(spec: MetaLoadedSpec) -> None:
            spec.done = True

        await self._node.state.modify(MetaLoadedSpec, LOADED, loaded, owner=OWNER)

    async def write(self, key: int, value: bytes) -> None:
        """Keep a value. MetaError: it does not fit, or cannot be written."""
        if not 0 < key <= MAX_KEY:
            raise MetaError(f"key {key:#x} is not in the range 0x1 to {MAX_KEY:#x}")
        values = self._values | {key: value}
        if sum(len(v) for v in values.values()) > MAX_BYTES:
            raise MetaError(f"META holds {MAX_BYTES} bytes: the value of key {key:#04x} does not fit")
        self._save(values)
        await self._publish(key, value)

    async def delete(self, key: int) -> bool:
        """Forget a value; False if there was none."""
        if key not in self._values and self._store is not None:
            return False
        self._save({k: v for k, v in self._values.items() if k != key})
        await self._node.state.teardown(MetaKeySpec, _id(key), owner=OWNER)
        await self._node.state.destroy(MetaKeySpec, _id(key), owner=OWNER)
        return True

    def _save(self, values: dict[int, bytes]) -> None:
        if self._store is None:
            raise MetaError("this node has no META partition")
        try:
            self._store.save(values)
        except OSError as error:
            raise MetaError(f"META cannot be written: {error.strerror}; nothing was changed") from error
        self._values = values

    async def _publish(self, key: int, value: bytes) -> None:
        def change(spec: MetaKeySpec) -> None:
            spec.value = _shown(key, value)

        await self._node.state.modify(MetaKeySpec, _id(key), change, owner=OWNER)


def _shown(key: int, value: bytes) -> str:
    """What everybody may read. A static passphrase of STATE stands in META in clear, and nowhere else."""
    if key != STATE_ENCRYPTION:
        return value.decode(errors="replace")
    try:
        found = json.loads(value)
        for one in found["keys"]:
            if one.get("passphrase"):
                one["passphrase"] = REDACTED
        return json.dumps(found)
    except (ValueError, LookupError, TypeError, AttributeError):
        return REDACTED


def _id(key: int) -> str:
    return f"{key:#04x}"
