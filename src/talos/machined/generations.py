"""Every configuration that this node was given, the last KEPT of them, with when and by whom.

/system/state/generations/NNNNNNNNNN.json, one file a generation: what it says of itself and its text are written at
once or not at all. Two files each, or one file for all, would need a journal.

config.yaml stays the truth. A generation is written before it: should the node die in between, `settle` finds a
generation that never was in force and removes it, so that history tells what happened and nothing else.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Iterator
from pathlib import Path

import msgspec
from msgspec import Struct, field

from talos.machined import durable
from talos.transport.identity import Identity

log = logging.getLogger("machined.config")

PATH = "/system/state/generations"
KEPT = 20

APPLY, RESTORE, REVERT, PLATFORM, FOUND = "apply", "restore", "revert", "platform", "found"
"""how a configuration came: FOUND was on disk already when generations began to be kept, or was put there by others"""
TRY = "try"
"""mode of a configuration that was in force for a time and never in config.yaml"""


class GenerationError(Exception):
    """There is no such generation, or it cannot be read; the text says which and what to do."""


class Generation(Struct, frozen=True):
    """One configuration and its origin."""

    number: int
    time: float
    """seconds since 1970, by the node's clock"""
    origin: str
    text: str
    mode: str = ""
    author: Identity = field(default_factory=Identity)
    restored: int = 0
    """generation whose text it repeats, for RESTORE and REVERT"""
    confirm_within_s: float = 0.0
    """it had to be confirmed within so many seconds; 0: it was final at once"""


class Generations:
    """The generations in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def numbers(self) -> list[int]:
        """Ascending."""
        if not self._folder.is_dir():
            return []
        return sorted(int(path.stem) for path in self._folder.glob("*.json") if path.stem.isdecimal())

    def get(self, number: int) -> Generation:
        """GenerationError."""
        try:
            fields = json.loads(self._path(number).read_bytes())
            author = fields.pop("author")
            author["organizations"] = tuple(author["organizations"])
            return Generation(**fields, author=Identity(**author))
        except FileNotFoundError:
            known = self.numbers()
            kept = f"kept are {known[0]} to {known[-1]}" if known else "none is kept yet"
            raise GenerationError(f"this node keeps no generation {number}: {kept}") from None
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise GenerationError(f"generation {number} cannot be read from {self._path(number)}: {error}") from error

    def newest_first(self) -> Iterator[Generation]:
        """All that can be read; one that cannot is left out with a message in the log."""
        for number in reversed(self.numbers()):
            try:
                yield self.get(number)
            except GenerationError as error:
                log.error("%s", error)

    def next_number(self) -> int:
        """Number of the next generation."""
        return max([0, *self.numbers()]) + 1

    def add(self, generation: Generation) -> None:
        """Keep it, durably. OSError: nothing was kept."""
        made = not self._folder.is_dir()
        if made:
            durable.make_folder(self._folder)
        try:
            durable.write(self._path(generation.number), msgspec.json.encode(generation))
        except OSError:
            if made:
                with contextlib.suppress(OSError):
                    self._folder.rmdir()
            raise

    def prune(self) -> None:
        """Forget what is beyond KEPT; called when the newest is in force. A disk that refuses is tried again later."""
        try:
            for number in self.numbers()[:-KEPT]:
                durable.remove(self._path(number))
        except OSError as error:
            log.warning("old generations stay on disk: %s", error)

    def take_back(self, number: int) -> None:
        """Remove a generation that never was in force."""
        try:
            durable.remove(self._path(number))
        except OSError as error:
            log.warning("generation %d, which never was in force, stays on disk: %s", number, error)

    def current(self, text: str) -> Generation | None:
        """The newest one with the text that is on disk; one of mode TRY never was there."""
        return next((g for g in self.newest_first() if g.mode != TRY and g.text == text), None)

    def settle(self, text: str) -> Generation | None:
        """After a start: remove what was written and never came into force; the current one, None if it is unknown."""
        current = self.current(text)
        if current is not None:
            for generation in list(self.newest_first()):
                if generation.number > current.number and generation.mode != TRY:
                    log.warning("generation %d never came into force: the node ended before", generation.number)
                    self.take_back(generation.number)
        return current

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:010d}.json"
