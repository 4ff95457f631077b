"""What `create` tells while it works. The command line draws it; tests record it."""

from __future__ import annotations

from typing import Protocol


class Progress(Protocol):
    """Phases follow one another; a detail belongs to the current phase."""

    def phase(self, title: str) -> None:
        """A phase begins, the one before ended well."""

    def detail(self, text: str) -> None:
        """What the current phase is waiting for."""

    def failed(self) -> None:
        """The current phase failed; what follows is cleaning up."""


class Silent:
    """Nobody is looking."""

    def phase(self, title: str) -> None:
        pass

    def detail(self, text: str) -> None:
        pass

    def failed(self) -> None:
        pass
