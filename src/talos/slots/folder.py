"""The folder with the slots' files: counting, arming, replacing. Every change is one rename that is on the disk when
the call returns; in between, each state boots the old or the new slot.

Which slot boots follows from the names alone, and a newer version stands first whatever was confirmed. Hence the rule
of `prefer`: the slot that is to boot gets boots, and the other one none if it would stand before it. Nothing is lost
by that: once the preferred one has used up its boots both are bad, and then the other, which stands first, is taken.
"""

from __future__ import annotations

import os
from pathlib import Path

from msgspec.structs import replace

from talos.slots.entry import Entry, in_order, parse, stands_before

BOOTS = 3
"""for a slot that is known to work"""
TRIAL = 1
"""for a slot that never ran"""
LINUX = Path("EFI/Linux")
INCOMING = ".incoming"
LOADER_CONF = "timeout 0\neditor no\nauto-entries no\n"
"""of systemd-boot. No `default`: that the best entry with boots left is taken is what brings an old slot back."""
FAILURE = Path("loader/failure.json")
"""where the monitor, as boot loader, says why the last boot ended; a machine's loader knows nothing of it"""


class SlotsError(Exception):
    """The folder does not allow what was asked for; nothing changed."""


class BootFolder:
    """The boot partition at `root`, as the node (/boot) or the monitor sees it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = root / LINUX

    def entries(self) -> list[Entry]:
        """In the loader's order."""
        try:
            names = [file.name for file in self.path.iterdir()]
        except FileNotFoundError:
            return []
        return in_order(entry for name in names if (entry := parse(name)) is not None)

    def find(self, slot: str) -> Entry | None:
        """The entry of a slot."""
        return next((entry for entry in self.entries() if entry.slot == slot), None)

    def file(self, entry: Entry) -> Path:
        return self.path / entry.name

    def boot(self) -> Entry:
        """As the loader: take the first entry and count its boot. SlotsError when there is none."""
        entries = self.entries()
        if not entries:
            raise SlotsError(f"{self.path} holds no image to boot")
        return self._rename(entries[0], entries[0].counted())

    def prefer(self, slot: str, boots: int) -> Entry:
        """From now on `slot` boots, `boots` times without a word that it came up well. SlotsError if it is empty."""
        wanted = self.find(slot)
        if wanted is None:
            raise SlotsError(f"slot {slot} is empty: there is nothing to boot")
        armed = self._rename(wanted, replace(wanted, left=boots, done=0))
        for fallback in self.entries():
            if fallback.slot == slot:
                continue
            left = 0 if stands_before(fallback, armed) else BOOTS
            if fallback.done and fallback.bad:
                left = 0  # it used up its boots: going back to it helps nobody
            if fallback.left != left:
                self._rename(fallback, replace(fallback, left=left, done=0))
        return armed

    def take(self, slot: str, version: str, file: Path) -> Entry:
        """Put a complete file (in this folder, already on the disk) in place of a slot's; it has no boots yet."""
        for entry in self.entries():
            if entry.slot == slot:
                self.file(entry).unlink()
        taken = Entry(slot, version, 0)
        file.replace(self.file(taken))
        self._sync()
        return taken

    def mark_bad(self, entry: Entry) -> Entry:
        """No boots are left for it, and `prefer` does not give it any as a fallback."""
        return self._rename(entry, replace(entry, left=0, done=max(entry.done, 1)))

    def _rename(self, old: Entry, new: Entry) -> Entry:
        if new != old:
            self.file(old).rename(self.file(new))
            self._sync()
        return new

    def _sync(self) -> None:
        fd = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
