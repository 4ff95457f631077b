"""GrantConfig: what the holders of certain names may do, within their roles."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, ClassVar

from msgspec import field

from talos.access.methods import resolve
from talos.access.policy import Grant
from talos.config.document import OWN_API_VERSION, Document
from talos.config.forms import TIME, Kept
from talos.rbac import KNOWN

if TYPE_CHECKING:
    from talos.config.config import Config


class GrantConfig(Document, kw_only=True):
    """What the holders of certain names may do, within their roles."""

    KIND: ClassVar[str] = "GrantConfig"
    API_VERSION: ClassVar[str] = OWN_API_VERSION
    NAMED: ClassVar[bool] = True

    name: Kept[str] = ""
    subjects: Kept[list[str]] = field(default_factory=list)
    methods: list[str] = field(default_factory=list)
    resources: list[str] = field(default_factory=list)
    nodes: list[str] = field(default_factory=list)
    not_before: Annotated[str, TIME] = ""
    not_after: Annotated[str, TIME] = ""

    def problems(self, config: Config) -> Iterator[str]:
        """Faults beyond the keys' own forms."""
        if not self.name:
            yield "name is required"
        if not self.subjects:
            yield "subjects is required: names in certificates, or globs of them"
        if self.not_before and self.not_after and moment(self.not_before) >= moment(self.not_after):
            yield "notAfter is not later than notBefore: the grant would never be in force"
        for number, entry in enumerate(self.methods):
            if not entry.startswith("/") and entry not in KNOWN and not resolve(entry):
                yield f"methods[{number}]: {entry!r} is no method, no glob of any, and no role"

    def warnings(self, config: Config) -> Iterator[str]:
        """What works but should be changed."""
        whole = self.grant
        if whole.concerns("") and not any(
            grant.concerns("") and grant.covers_method("/machine.MachineService/ApplyConfiguration")
            for grant in (document.grant for document in config.get_all(GrantConfig))
        ):
            yield (
                "subjects cover certificates without a name, as gen config makes them, and no grant lets these apply a "
                "configuration: such an administrator can no longer change this one"
            )

    @property
    def grant(self) -> Grant:
        """The document as the decision takes it."""
        return Grant(
            self.name,
            tuple(self.subjects),
            tuple(self.methods),
            tuple(self.resources),
            tuple(self.nodes),
            moment(self.not_before) if self.not_before else None,
            moment(self.not_after) if self.not_after else None,
        )


def moment(text: str) -> datetime:
    """An RFC 3339 time that decoding has accepted."""
    return datetime.fromisoformat(text).astimezone(UTC)
