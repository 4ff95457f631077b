"""config.yaml, the generations and the deadline on disk: written in an order that no crash and no full disk can spoil.

    generation → deadline, if it has to be confirmed → config.yaml → removal of a deadline that is over → pruning

Whatever step is the last one: config.yaml is the old text or the new one, whole. A generation that is not in
config.yaml never was in force and is removed at the next start. A deadline counts only for a configuration that was
applied to be confirmed and is newer than the one it names, so one written too early or removed too late does no harm.
"""

from __future__ import annotations

import contextlib
import logging
from pathlib import Path

from talos.environment import NodeEnvironment
from talos.machined import confirmation, durable, generations
from talos.machined.confirmation import Deadline, DeadlineFile
from talos.machined.generations import Generation, Generations
from talos.transport.identity import Identity

log = logging.getLogger("machined.config")

PATH = "/system/state/config.yaml"


class ConfigDisk:
    """The three things of one node."""

    def __init__(self, env: NodeEnvironment) -> None:
        self._path: Path = env.path(PATH)
        self._env = env
        self.generations = Generations(env.path(generations.PATH))
        self._deadline = DeadlineFile(env.path(confirmation.PATH))

    def exists(self) -> bool:
        """Whether there is a configuration at all."""
        return self._path.exists()

    def current_number(self) -> int:
        """Generation of what is in config.yaml, 0 if it is not known."""
        try:
            current = self.generations.current(self._path.read_text())
        except (OSError, ValueError):
            return 0
        return current.number if current else 0

    def kept(self, text: str) -> int:
        """Generation of this very text if it is what config.yaml holds, 0 if it is not."""
        try:
            if self._path.read_text() != text:
                return 0
        except (OSError, ValueError):
            return 0
        current = self.generations.current(text)
        return current.number if current else 0

    def write(
        self,
        text: str,
        origin: str,
        *,
        mode: str = "",
        author: Identity | None = None,
        restored: int = 0,
        deadline: Deadline | None = None,
    ) -> int:
        """Make it the configuration; returns its generation. OSError: nothing changed."""
        generation = Generation(
            number=self.generations.next_number(),
            time=self._now(),
            origin=origin,
            text=text,
            mode=mode,
            author=author or Identity(),
            restored=restored,
            confirm_within_s=deadline.window_s if deadline else 0.0,
        )
        self.generations.add(generation)
        try:
            if deadline is not None:
                self._deadline.write(deadline)
            durable.write(self._path, text.encode())
        except OSError:
            self.generations.take_back(generation.number)
            raise
        if deadline is None:
            self._remove_deadline()
        self.generations.prune()
        return generation.number

    def remember_try(self, text: str, author: Identity) -> None:
        """Note a configuration that is in force for a time only. A disk that is full does not forbid to try one."""
        number = self.generations.next_number()
        try:
            self.generations.add(Generation(number, self._now(), generations.APPLY, text, generations.TRY, author))
            self.generations.prune()
        except OSError as error:
            log.warning("the configuration that is tried is not kept: %s", error)

    def settle(self) -> tuple[bytes, Deadline | None]:
        """After a start: the configuration, and the deadline if it has to be confirmed. OSError."""
        data = self._path.read_bytes()
        try:
            text = data.decode()
        except ValueError:
            return data, None  # nothing that was ever accepted: the check says what is wrong with it
        current = self.generations.settle(text)
        if current is None:
            with contextlib.suppress(OSError):
                self.write(text, generations.FOUND)
            return data, None
        try:
            deadline = self._deadline.read()
        except ValueError as error:
            log.error("%s; the configuration counts as confirmed", error)
            return data, None
        if deadline is not None and not (current.confirm_within_s and current.number > deadline.back_to):
            self._remove_deadline()
            return data, None
        return data, deadline

    def move_deadline(self, deadline: Deadline) -> None:
        """Another end for the time that a configuration has to be confirmed in. OSError: the one before holds."""
        self._deadline.write(deadline)

    def confirm(self) -> None:
        """Remove the deadline for good. OSError: it still holds."""
        self._deadline.remove()

    def revert(self, deadline: Deadline) -> int:
        """Make the generation that the deadline names the configuration. OSError, GenerationError: nothing changed."""
        text = self.generations.get(deadline.back_to).text
        return self.write(text, generations.REVERT, restored=deadline.back_to)

    def _remove_deadline(self) -> None:
        try:
            self._deadline.remove()
        except OSError as error:
            log.warning("a deadline that is over stays on disk, without effect: %s", error)

    def _now(self) -> float:
        return self._env.clock.now().timestamp()
