"""ExtensionServiceConfig: configuration files and environment of an extension service."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import field

from talos.config.document import Document, Part
from talos.config.forms import Kept, MergeBy, Needed

if TYPE_CHECKING:
    from talos.config.config import Config


class ConfigFile(Part, kw_only=True):
    """``configFiles``."""

    content: Kept[str] = ""
    mount_path: Kept[str] = ""


class ExtensionServiceConfig(Document, kw_only=True):
    """Configuration files and environment of an extension service."""

    KIND: ClassVar[str] = "ExtensionServiceConfig"
    NAMED: ClassVar[bool] = True

    name: Needed[Kept[str]] = ""
    config_files: Annotated[list[ConfigFile], MergeBy("mount_path")] = field(default_factory=list)
    environment: list[str] = field(default_factory=list)

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        if not self.config_files and not self.environment:
            yield "configFiles or environment is required"
        for number, file in enumerate(self.config_files):
            if not file.content or not file.mount_path:
                yield f"configFiles[{number}] needs content and mountPath"
        for number, variable in enumerate(self.environment):
            if "=" not in variable:
                yield f"environment[{number}] is {variable!r}, must be NAME=VALUE"
