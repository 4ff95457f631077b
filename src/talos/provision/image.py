"""Where the image and runc are, and the image's mount.

One loop device carries the image for all nodes of all clusters, so its pages are in memory once. It is mounted by each
monitor in that monitor's own mount namespace: the host's mount table never changes, and when the last node and monitor
end, the kernel drops the mount and autoclear frees the device. Nothing has to be counted, and a crash leaves nothing.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

from talos.linux import loop
from talos.linux.mount import MS_NODEV, MS_NOSUID, MS_RDONLY, MS_REC, MS_SLAVE, mount
from talos.linux.namespace import CLONE_NEWNS, unshare
from talos.provision.model import ProvisionError

_EROFS_MAGIC = (1024, b"\xe2\xe1\xf5\xe0")
_SQUASHFS_MAGIC = (0, b"hsqs")

REPOSITORY = Path(__file__).resolve().parents[3]


def find_image(given: str | None) -> Path:
    """The root image: --image, else $TALOS_IMAGE, else what `make root` built."""
    candidates = [Path(given)] if given else []
    if not given and (from_env := os.environ.get("TALOS_IMAGE")):
        candidates = [Path(from_env)]
    if not candidates:
        built = REPOSITORY / "_out" / "image"
        candidates = [built / name for name in ("root.erofs", "root.squashfs", "rootfs.erofs", "rootfs.squashfs")]
    for candidate in candidates:
        if candidate.is_file():
            return candidate.resolve()
    raise ProvisionError(
        f"no image at {', '.join(str(candidate) for candidate in candidates)}: build it with `make root`, "
        "or name one with --image or TALOS_IMAGE"
    )


def find_runc(image: Path) -> Path:
    """runc: $TALOS_RUNC, else the built component beside the image, else the host's."""
    if from_env := os.environ.get("TALOS_RUNC"):
        candidates = [Path(from_env)]
    else:
        found = shutil.which("runc")
        candidates = [
            image.parent.parent / "components" / "runc",
            REPOSITORY / "_out" / "components" / "runc",
            *([Path(found)] if found else []),
        ]
    for candidate in candidates:
        if candidate.is_file() and os.access(candidate, os.X_OK):
            return candidate.resolve()
    raise ProvisionError(
        f"no runc at {', '.join(str(candidate) for candidate in candidates)}: build it with `make components`, "
        "install the package runc, or name it in TALOS_RUNC"
    )


def filesystem(image: Path) -> str:
    """erofs or squashfs, by the file's magic number."""
    with image.open("rb") as file:
        for kind, (offset, magic) in (("erofs", _EROFS_MAGIC), ("squashfs", _SQUASHFS_MAGIC)):
            file.seek(offset)
            if file.read(len(magic)) == magic:
                return kind
    raise ProvisionError(f"{image} is neither an erofs nor a squashfs image: build it with `make root`")


def own_mounts() -> None:
    """A mount namespace for this process and its descendants, a slave of the host's: a file system that the host
    unmounts goes away here too, and nothing that a node mounts comes back."""
    unshare(CLONE_NEWNS)
    mount("", "/", flags=MS_SLAVE | MS_REC)


def mount_image(image: Path, target: Path) -> None:
    """Mount the image read-only, in this process' mount namespace."""
    target.mkdir(parents=True, exist_ok=True)
    lock = os.open(image, os.O_RDONLY | os.O_CLOEXEC)  # the lock is on the image itself: no file to leave behind
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        device, fd = loop.attach(image)
        try:
            mount(device, target, filesystem(image), MS_RDONLY | MS_NODEV | MS_NOSUID)
        finally:
            os.close(fd)
    finally:
        os.close(lock)
