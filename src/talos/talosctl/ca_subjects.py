"""The two authorities that can be replaced, and where a machine configuration names them.

A configuration holds the certificate that is trusted first, on control plane nodes with its key, and a list of further
certificates that are accepted: for Talos as base64 of PEM below `machine`, for Kubernetes in a document of its own,
before Talos 1.14 below `cluster`.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Callable
from typing import Any, NamedTuple

import click

from talos.pki import certificates
from talos.pki.certificates import Pair
from talos.pki.keys import Algorithm

_DOCUMENT = "KubeAPIServerCAConfig"


class Place(NamedTuple):
    """Where an authority stands in one configuration."""

    owner: Any
    """map that holds both"""
    issuing: str
    crt: str
    encoded: bool
    """base64 of PEM, in maps with a key crt; else PEM text"""


def _talos(documents: list[Any]) -> Place | None:
    for document in documents:
        if isinstance(document, dict) and "machine" in document:
            return Place(document["machine"], "ca", "crt", True)
    return None


def _kubernetes(documents: list[Any]) -> Place | None:
    for document in documents:
        if isinstance(document, dict) and document.get("kind") == _DOCUMENT:
            return Place(document, "issuingCA", "cert", False)
    for document in documents:
        if isinstance(document, dict) and "ca" in (document.get("cluster") or {}):
            return Place(document["cluster"], "ca", "crt", True)
    return None


class Subject(NamedTuple):
    """An authority of a cluster."""

    name: str
    find: Callable[[list[Any]], Place | None]
    new: Callable[[], Pair]


TALOS = Subject("Talos", _talos, lambda: certificates.new_authority("talos"))
KUBERNETES = Subject(
    "Kubernetes", _kubernetes, lambda: certificates.new_authority("kubernetes", algorithm=Algorithm.ECDSA_P256)
)


class Document:
    """One node's configuration, changed in place; comments stay."""

    def __init__(self, text: str, subject: Subject, node: str) -> None:
        from ruamel.yaml import YAML

        self._yaml = YAML()
        self._yaml.width = 1 << 20
        self._yaml.preserve_quotes = True
        self._yaml.indent(mapping=4, sequence=6, offset=4)
        self._documents = list(self._yaml.load_all(text))
        place = subject.find(self._documents)
        if place is None:
            raise click.ClickException(
                f"the configuration of node {node} names no authority of {subject.name}: it cannot be replaced there"
            )
        self._place = place

    def text(self) -> str:
        """The configuration as it is now."""
        out = io.StringIO()
        self._yaml.dump_all(self._documents, out)
        return out.getvalue()

    def current(self) -> Pair:
        """The authority; its key is empty on workers."""
        entry = self._place.owner.get(self._place.issuing) or {}
        return Pair(self._read(entry.get(self._place.crt)), self._read(entry.get("key")))

    def issue(self, pair: Pair) -> None:
        """Put an authority in the first place, the key only where one stands now; the one before is still accepted."""
        place, before = self._place, self.current().crt
        entry = place.owner.setdefault(place.issuing, {})
        had_key = bool(entry.get("key"))
        entry[place.crt] = self._write(pair.crt)
        if had_key:
            entry["key"] = self._write(pair.key)
        self.forget(pair.crt)
        if before and before.strip() != pair.crt.strip():
            self.accept(before)

    def accept(self, crt: bytes) -> None:
        """Trust a certificate as well."""
        accepted = self._place.owner.setdefault("acceptedCAs", [])
        if crt.strip() not in [self._accepted(entry) for entry in accepted]:
            accepted.append({"crt": self._write(crt)} if self._place.encoded else self._write(crt))

    def forget(self, crt: bytes) -> None:
        """Trust a certificate no more."""
        accepted = self._place.owner.get("acceptedCAs") or []
        kept = [entry for entry in accepted if self._accepted(entry) != crt.strip()]
        if kept:
            self._place.owner["acceptedCAs"] = kept
        else:
            self._place.owner.pop("acceptedCAs", None)

    def _accepted(self, entry: Any) -> bytes:
        return self._read(entry.get("crt") if isinstance(entry, dict) else entry).strip()

    def _read(self, value: Any) -> bytes:
        if not value:
            return b""
        return base64.b64decode(str(value)) if self._place.encoded else str(value).encode()

    def _write(self, pem: bytes) -> Any:
        from ruamel.yaml.scalarstring import LiteralScalarString

        return base64.b64encode(pem).decode() if self._place.encoded else LiteralScalarString(pem.decode())
