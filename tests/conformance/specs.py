"""Resource types of the tests."""

from __future__ import annotations

import datetime

import msgspec

from talos.state import Part, Spec, WireEnum, WireFlag, resource


class Colour(WireEnum):
    """An enumeration."""

    RED = 1, "red"
    BLUE = 2, "blue"


class Option(WireFlag):
    """Flags."""

    FAST = 1, "fast"
    SAFE = 2, "safe"


class Inner(Part):
    """A nested struct."""

    name: str = ""
    counts: list[int] = []  # noqa: RUF012


@resource(type="Things.test.talos.dev", namespace="tests")
class ThingSpec(Spec):
    """A spec with every sort of field."""

    value: int = 0
    text: str = ""
    items: list[str] = []  # noqa: RUF012
    inner: Inner = msgspec.field(default_factory=Inner)
    maybe: Inner | None = None
    parts: dict[str, list[Inner]] = {}  # noqa: RUF012
    span: datetime.timedelta = datetime.timedelta()
    colour: Colour = Colour.RED
    options: Option = Option(0)
    raw: bytes = b""


@resource(type="Results.test.talos.dev", namespace="tests")
class ResultSpec(Spec):
    """What a controller of the tests writes."""

    total: int = 0


@resource(type="Secrets.test.talos.dev", namespace="tests", sensitive=True)
class SecretSpec(Spec):
    """A sensitive type."""

    key: str = ""
