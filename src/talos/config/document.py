"""Base of all document kinds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar

import msgspec

if TYPE_CHECKING:
    from talos.config.config import Config

API_VERSION = "v1alpha1"
OWN_API_VERSION = "pytalos.dev/v1alpha1"
"""of kinds that Talos does not have"""


class Part(msgspec.Struct, rename="camel", kw_only=True):
    """Nested mapping of a document. Keys are the attribute names in camelCase unless a field says otherwise."""


class Document(Part, kw_only=True):
    """One document of a configuration.

    Every key has a default, since a patch may hold any part of a document; what must be there is for validation to say.
    """

    KIND: ClassVar[str]
    API_VERSION: ClassVar[str] = API_VERSION
    NAMED: ClassVar[bool] = False
    """The name is part of the identity: several documents of the kind may stand side by side."""
    SECRET: ClassVar[bool] = False
    """Holds what must not be shown (redacted in ``get machineconfig`` of readers)."""
    CONFLICTS: ClassVar[tuple[str, ...]] = ()
    """Kinds of which no document may have the same name."""

    @property
    def document_name(self) -> str:
        """Name within the kind, empty for kinds that can stand only once."""
        return str(getattr(self, "name", "")) if self.NAMED else ""

    @property
    def identity(self) -> tuple[str, str]:
        """What makes the document unique in a configuration: kind and name (a kind has one apiVersion)."""
        return (self.KIND, self.document_name)

    @property
    def title(self) -> str:
        """How messages call it."""
        return f"{self.KIND} {self.document_name!r}" if self.document_name else self.KIND

    def problems(self, config: Config) -> Iterator[str]:
        """Faults of the document beyond what its keys' annotations say; ``config`` is the whole configuration."""
        return iter(())

    def warnings(self, config: Config) -> Iterator[str]:
        """What works but should be changed; an error in strict validation."""
        return iter(())
