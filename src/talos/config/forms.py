"""Scalar types of configuration keys: what a document's annotations say about a value beyond its Python type.

An annotation is read once, when a document kind is first used (see ``schema.py``). Values stay text where Talos keeps
text, so that what goes in comes out the same; ``check`` only refuses what is not of the form, and normalizes where the
genuine encoder normalizes too.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from ipaddress import ip_address, ip_interface
from typing import Annotated, Any, TypeVar
from urllib.parse import urlsplit

T = TypeVar("T")


class Marker:
    """A fact about a key rather than about its value."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


KEEP = Marker("KEEP")
REPLACE = Marker("REPLACE")
NEEDED = Marker("NEEDED")
OMIT_IF_NONE = Marker("OMIT_IF_NONE")
SECRET = Marker("SECRET")

Kept = Annotated[T, KEEP]
"""The key is written even when its value is empty."""
Replaced = Annotated[T, REPLACE]
"""A strategic merge replaces the value instead of appending or merging."""
Needed = Annotated[T, NEEDED]
"""Validation refuses a document without it."""
OmitIfNone = Annotated[T, OMIT_IF_NONE]
"""An empty list is written, an absent one is not."""
Secret = Annotated[T, SECRET]
"""Must not be shown; of a free mapping, what stands in it under a key ``secret``."""


class Deprecated:
    """The key still works and should be changed.

    ``instead``: what to write now; empty when what the key turns on is always on.
    """

    def __init__(self, instead: str = "") -> None:
        self.instead = instead


class MergeBy:
    """List elements with equal values of these attributes are the same element and are merged."""

    def __init__(self, *attributes: str) -> None:
        self.attributes = attributes


class Form:
    """A text form, refused while decoding when ``check`` raises ValueError; ``check`` returns the normalized text."""

    def __init__(self, name: str, check: Callable[[str], str]) -> None:
        self.name = name
        self.check = check


class OneOf(Form):
    """One of a few words, refused while decoding."""

    def __init__(self, *words: str) -> None:
        def check(text: str) -> str:
            if text not in words:
                raise ValueError(f"{text!r} is not one of {', '.join(words)}")
            return text

        super().__init__("|".join(words), check)
        self.words = words


class Known:
    """One of a few words, refused by validation only: patches and fragments may still carry others."""

    def __init__(self, *words: str) -> None:
        self.words = words


class Pattern:
    """Regular expression that validation demands; ``hint`` is what the reader is told."""

    def __init__(self, expression: str, hint: str) -> None:
        self.expression = re.compile(expression)
        self.hint = hint


class Cel:
    """An expression that validation reads. ``about``: its names, a table of ``cel_names``; empty: not known here."""

    def __init__(self, about: str = "") -> None:
        self.about = about


class Between:
    """Inclusive bounds. ``decode``: refused while decoding (the width of the integer), else by validation."""

    def __init__(self, low: int, high: int, *, decode: bool = False) -> None:
        self.low, self.high, self.decode = low, high, decode


class MinItems:
    """Least number of list elements, demanded by validation."""

    def __init__(self, count: int) -> None:
        self.count = count


class Octal:
    """An integer written in octal (file modes)."""


OCTAL = Octal()


def _address(text: str) -> str:
    ip_address(text)
    return text.lower() if "%" not in text else text


def _prefix(text: str) -> str:
    if "/" not in text:
        raise ValueError(f"{text!r} has no prefix length: write it as ADDRESS/LENGTH, such as 10.0.0.1/24")
    host, _, length = text.partition("/")
    if not length.isdigit():
        raise ValueError(f"{text!r} has no decimal prefix length")
    ip_interface(text)
    return f"{host.lower()}/{length}"


def _address_port(text: str) -> str:
    host, _, port = text.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{text!r} is not ADDRESS:PORT")
    if host.startswith("[") != host.endswith("]"):
        raise ValueError(f"{text!r} is not ADDRESS:PORT")
    if ip_address(host.strip("[]")).version == 6 and not host.startswith("["):
        raise ValueError(f"{text!r}: an IPv6 address before a port stands in brackets")
    return text


def _url(text: str) -> str:
    if any(ord(c) < 0x21 or c == "\x7f" for c in text):
        raise ValueError(f"{text!r} is no URL: it contains white space")
    parts = urlsplit(text)
    _ = parts.port  # raises for a port that is none
    return text


def _hardware_address(text: str) -> str:
    octets = re.split("[:-]", text)
    if len(octets) < 2 or not all(re.fullmatch("[0-9a-fA-F]{2}", o) for o in octets):
        raise ValueError(f"{text!r} is no hardware address: write it as aa:bb:cc:dd:ee:ff")
    return ":".join(octets).lower()


_BYTE_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgtpe]i?b?|b)?", re.IGNORECASE)


def byte_size(text: str) -> int:
    """Bytes meant by ``10GiB``, ``10GB`` (decimal), ``1048576``. ValueError when it is none."""
    found = _BYTE_SIZE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no size: write bytes or a unit, such as 10GiB or 500MB")
    unit = (found[2] or "b").lower()
    power = "bkmgtpe".index(unit[0])
    factor = (1024 if "i" in unit else 1000) ** power
    return int(float(found[1]) * factor) if "." in found[1] else int(found[1]) * factor


def _byte_size(text: str) -> str:
    byte_size(text)
    return text


def _size(text: str) -> str:
    body = text.removeprefix("-")
    if body.endswith("%"):
        if not body[:-1].isdigit() or int(body[:-1]) > 100:
            raise ValueError(f"{text!r} is no percentage from 0% to 100%")
    else:
        byte_size(body)
    return text


def _port_range(text: str) -> str:
    low, dash, high = text.partition("-")
    if not low.isdigit() or (dash and not high.isdigit()):
        raise ValueError(f"{text!r} is no port or range LOW-HIGH")
    if not 0 <= int(low) <= int(high or low) <= 65535:
        raise ValueError(f"{text!r}: ports go from 0 to 65535, the lower one first")
    return text


def _table(text: str) -> str:
    if text not in ("unspec", "default", "main", "local") and not (text.isdigit() and int(text) < 1 << 32):
        raise ValueError(f"{text!r} is no routing table: unspec, default, main, local or a number")
    return text


def _disk_size_matcher(text: str) -> str:
    found = re.fullmatch(r"\s*(<=|>=|==|<|>)?\s*(\S.*)", text)
    if found is None:
        raise ValueError(f"{text!r} is no size comparison: write it as '<= 1TB'")
    byte_size(found[2])
    return text


Address = Annotated[str, Form("IP address", _address)]
Prefix = Annotated[str, Form("address prefix", _prefix)]
AddressPort = Annotated[str, Form("address and port", _address_port)]
URL = Annotated[str, Form("URL", _url)]
HardwareAddress = Annotated[str, Form("hardware address", _hardware_address)]
Expression = Annotated[str, Form("CEL expression", lambda text: text), Cel()]
DiskExpression = Annotated[str, Form("CEL expression", lambda text: text), Cel("DISK")]
VolumeExpression = Annotated[str, Form("CEL expression", lambda text: text), Cel("VOLUME")]
LinkExpression = Annotated[str, Form("CEL expression", lambda text: text), Cel("LINK")]
ByteSize = Annotated[str, Form("size", _byte_size)]
Size = Annotated[str, Form("size or percentage", _size)]
PortRange = Annotated[str, Form("port or port range", _port_range)]
RoutingTable = Annotated[str, Form("routing table", _table)]
DiskSizeMatcher = Annotated[str, Form("size comparison", _disk_size_matcher)]
FileMode = Annotated[int, OCTAL, Between(0, 0o7777, decode=True)]
UInt8 = Annotated[int, Between(0, (1 << 8) - 1, decode=True)]
UInt16 = Annotated[int, Between(0, (1 << 16) - 1, decode=True)]
UInt32 = Annotated[int, Between(0, (1 << 32) - 1, decode=True)]
UInt64 = Annotated[int, Between(0, (1 << 64) - 1, decode=True)]
Int32 = Annotated[int, Between(-(1 << 31), (1 << 31) - 1, decode=True)]
ArgValue = str | list[str]
"""Value of a component's flag: one string, or several for a flag given more than once."""
Unstructured = dict[str, Any]
"""Free mapping, handed on as it is."""


def _time(text: str) -> str:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None or len(text) < len("2026-01-01T00:00:00Z"):
        raise ValueError(f"{text!r} is no time with a zone: write it as 2026-01-31T12:00:00Z")
    return text


def _fingerprint(text: str) -> str:
    plain = text.replace(":", "").lower()
    if not re.fullmatch("[0-9a-f]{64}", plain):
        raise ValueError(f"{text!r} is no SHA-256 of a certificate: it has 64 hexadecimal digits")
    return plain


def _serial(text: str) -> str:
    plain = text.replace(":", "").lower()
    if not re.fullmatch("[0-9a-f]{1,40}", plain):
        raise ValueError(f"{text!r} is no serial number: hexadecimal digits, as talosctl audit -o json shows it")
    return plain.lstrip("0") or "0"


TIME = Form("time", _time)
FINGERPRINT = Form("fingerprint", _fingerprint)
SERIAL = Form("serial number", _serial)
