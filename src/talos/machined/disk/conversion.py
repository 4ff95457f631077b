"""Volumes that were made in clear before there was a configuration to say otherwise (a disk image, a wiped STATE), and
are encrypted at the start after it came.

Only volumes on which nothing is kept yet are converted, and what STATE keeps by then, the configuration that asks for
it, goes through memory. META is told first: power that is lost in the middle costs that configuration, and leaves a
machine in maintenance mode whose STATE is made encrypted.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable
from pathlib import Path

from talos.machined import durable
from talos.machined.disk import layout

MARKER = "encrypt-at-next-start.json"
_IN_USE = {
    layout.STATE: ("config.yaml", "generations"),
    layout.EPHEMERAL: ("lib/etcd/member", "lib/kubelet/pki", "lib/containerd/io.containerd.metadata.v1.bolt"),
}
"""what tells a volume that a node lived on from one that was only made"""


def is_fresh(volume: str, where: Path) -> bool:
    """Whether nothing is kept on a mounted volume that anybody would miss."""
    return volume in _IN_USE and not any((where / name).exists() for name in _IN_USE[volume])


def request(state: Path, volumes: Iterable[str]) -> None:
    """Let the next start encrypt these. OSError."""
    durable.write(state / MARKER, json.dumps(sorted(volumes)).encode())


def requested(state: Path) -> list[str]:
    """Volumes that are to be encrypted now."""
    try:
        found = json.loads((state / MARKER).read_bytes())
    except (OSError, ValueError):
        return []
    return [name for name in found if name in layout.ENCRYPTABLE] if isinstance(found, list) else []


def done(state: Path, volume: str) -> None:
    """One less. OSError."""
    if left := [name for name in requested(state) if name != volume]:
        request(state, left)
    else:
        durable.remove(state / MARKER)


def take(state: Path) -> bytes:
    """All files, in memory."""
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        for entry in sorted(state.iterdir()):
            archive.add(entry, entry.name)
    return held.getvalue()


def give_back(state: Path, files: bytes) -> None:
    """What `take` took, with owners and modes. OSError."""
    with tarfile.open(fileobj=io.BytesIO(files)) as archive:
        archive.extractall(state, filter="fully_trusted")
