"""The boot loader of a container node: chooses the slot as systemd-boot does, and finds and checks its image.

A node is created with a reference in slot A: the image is mounted where it was built, one copy for all nodes. What an
upgrade writes to the other slot is a file of the node's own, read from end to end before it is mounted: a flipped byte
means that the slot does not boot. A reference is followed only to the image that the cluster was created from, because
a node can write what it wants into its boot folder.
"""

from __future__ import annotations

import contextlib
import json
from dataclasses import dataclass
from pathlib import Path

from talos.provision.model import write_atomic
from talos.slots import payload
from talos.slots.entry import Entry
from talos.slots.folder import BOOTS, FAILURE, LINUX, BootFolder, SlotsError


@dataclass(frozen=True, slots=True)
class Choice:
    """What to boot. identity tells one mounted image from another."""

    entry: Entry
    image: Path
    identity: str


class Loader:
    """Over the boot folder of one node."""

    def __init__(self, folder: Path, image: Path) -> None:
        self._image = image
        self.boot = BootFolder(folder)

    def seed(self) -> None:
        """Slot A of a new node: the image that the cluster is created from."""
        self.boot.path.mkdir(parents=True, exist_ok=True)
        (self.boot.root / FAILURE).parent.mkdir(exist_ok=True)
        if self.boot.entries():
            return
        try:
            version = payload.read(self._image).version
        except payload.PayloadError:
            version = "untagged"  # an image that another tool made: it runs, but nobody knows which it is
        file = self.boot.root / LINUX / Entry("A", version, BOOTS).name
        write_atomic(file, payload.reference(self._image, version).decode())

    @property
    def alternatives(self) -> int:
        """How many slots hold something."""
        return len(self.boot.entries())

    def choose(self) -> Choice:
        """The next slot, its boot counted, its image checked. What cannot be booted is reported and passed over.
        SlotsError when nothing is left."""
        for _ in range(2 * BOOTS + 2):
            entry = self.boot.boot()
            try:
                return self._usable(entry)
            except (payload.PayloadError, OSError) as error:
                self.failed(entry, str(error))
                if not entry.left:
                    self._give_up_if_last(entry, error)
                    self.boot.mark_bad(entry)
        raise SlotsError("no slot holds an image that can be booted")

    def _usable(self, entry: Entry) -> Choice:
        file = self.boot.file(entry)
        found = payload.read(file)
        if found.kind == payload.REFERENCE:
            if Path(found.image) != self._image:
                raise payload.PayloadError(f"{entry.id} names {found.image}, not the image of this cluster")
            return Choice(entry, self._image, f"reference {found.image}")
        if found.kind != payload.ROOT:
            raise payload.PayloadError(f"{entry.id} is a {found.kind}: a container node boots a root image")
        payload.verify(file)
        return Choice(entry, file, f"{entry.id} {found.sha256}")

    def _give_up_if_last(self, entry: Entry, error: Exception) -> None:
        if all(other.bad for other in self.boot.entries()) and self.boot.entries()[0].slot == entry.slot:
            raise SlotsError(f"no slot holds an image that can be booted: {error}") from error

    def failed(self, entry: Entry, reason: str) -> None:
        """Note for the next boot why this one ended."""
        print(f"slot {entry.slot} ({entry.version}) did not come up: {reason}", flush=True)
        with contextlib.suppress(OSError):
            write_atomic(self.boot.root / FAILURE, json.dumps({"slot": entry.slot, "reason": reason}))

    def confirmed(self, entry: Entry) -> bool:
        """The node renamed its entry back since it was booted."""
        return not self.boot.file(entry).exists()
