"""An etcd member out of a snapshot: where the snapshot lies, whether it is whole, and the data made of it.

`etcd restore` (components/node/etcd.go) writes a data folder beside the one in use, and a rename makes it that: what a
power cut leaves behind is no member that starts with half of the data.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Sequence
from pathlib import Path

from talos.environment import NodeEnvironment
from talos.etcd.arguments import DATA_PATH, peer_urls

SNAPSHOT_PATH = Path("/var/lib/etcd.snapshot")
PARTIAL = "restored"
"""folder in the data folder, which may be a mount of its own: a rename must not leave it"""
_PAGE_BYTES = 512
_HASH_BYTES = hashlib.sha256().digest_size
_BLOCK_BYTES = 1 << 20


class SnapshotError(Exception):
    """No member can be made of the snapshot; the text says why."""


def check(snapshot: Path, *, skip_hash_check: bool = False) -> None:
    """Whether the database is what etcd sent: it ends with the SHA-256 of itself. SnapshotError, FileNotFoundError.

    A database copied out of a data folder has no hash: its size is a multiple of its pages, and a hash's is not.
    """
    size = snapshot.stat().st_size
    if size < _PAGE_BYTES:
        raise SnapshotError(f"the snapshot has {size} bytes: that is no database of etcd")
    if skip_hash_check:
        return
    if size % _PAGE_BYTES != _HASH_BYTES:
        raise SnapshotError(
            "the snapshot has no hash at its end: it is cut off, or a copy of a database (then skip the hash check)"
        )
    found, left = hashlib.sha256(), size - _HASH_BYTES
    with snapshot.open("rb") as file:
        while left:
            block = file.read(min(left, _BLOCK_BYTES))
            if not block:
                raise SnapshotError("the snapshot became shorter while it was read")
            found.update(block)
            left -= len(block)
        if file.read() != found.digest():
            raise SnapshotError("the snapshot is damaged: its hash is that of other content")


def restore_arguments(
    env: NodeEnvironment, name: str, advertised: Sequence[str], *, skip_hash_check: bool = False
) -> list[str]:
    """Arguments of etcd, without the program's name. The member is the only one of its cluster; others join it."""
    return [
        "restore",
        f"--snapshot={env.path(SNAPSHOT_PATH)}",
        f"--data-dir={env.path(DATA_PATH) / PARTIAL}",
        f"--name={name}",
        f"--initial-advertise-peer-urls={','.join(peer_urls(advertised))}",
        f"--skip-hash-check={str(skip_hash_check).lower()}",
    ]


def clear(env: NodeEnvironment) -> None:
    """Remove what an earlier attempt left."""
    shutil.rmtree(env.path(DATA_PATH) / PARTIAL, ignore_errors=True)


def adopt(env: NodeEnvironment) -> None:
    """Make the restored data the member's, and remove the snapshot, which holds the cluster's secrets."""
    data = env.path(DATA_PATH)
    (data / PARTIAL / "member").rename(data / "member")
    (data / PARTIAL).rmdir()
    folder = os.open(data, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    env.path(SNAPSHOT_PATH).unlink(missing_ok=True)
