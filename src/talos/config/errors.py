"""The one exception that reading, patching, merging and validating configurations raises."""

from __future__ import annotations

from collections.abc import Sequence


class ConfigError(ValueError):
    """A configuration or a patch that cannot be used.

    ``problems`` holds one sentence for each fault, all that were found in one go: whoever mends a configuration wants
    the whole list, not one fault a try. Nothing has been changed when this is raised.
    """

    def __init__(self, problems: str | Sequence[str]) -> None:
        self.problems: tuple[str, ...] = (problems,) if isinstance(problems, str) else tuple(problems)
        super().__init__("\n".join(self.problems))
