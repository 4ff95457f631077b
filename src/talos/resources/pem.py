"""Certificates and keys inside specs, as PEM text.

YAML carries base64 of the PEM text, protobuf its bytes.
"""

from __future__ import annotations

from talos.state.spec import Part, part


@part(forms={"crt": "base64"})
class Certificate(Part):
    """A certificate."""

    crt: str = ""


@part(forms={"key": "base64"})
class Key(Part):
    """A private key."""

    key: str = ""


@part(forms={"crt": "base64", "key": "base64"})
class CertificateAndKey(Part):
    """A certificate and its private key."""

    crt: str = ""
    key: str = ""
