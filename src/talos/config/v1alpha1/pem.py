"""PEM data that the v1alpha1 document holds as base64."""

from __future__ import annotations

from talos.config.document import Part
from talos.config.forms import Kept, Secret


class PEMCertificateAndKey(Part, kw_only=True):
    """Certificate and private key, PEM; the key is empty where only trust is needed."""

    crt: Kept[bytes] = b""
    key: Secret[Kept[bytes]] = b""


class PEMCertificate(Part, kw_only=True):
    """Certificate, PEM."""

    crt: Kept[bytes] = b""


class PEMKey(Part, kw_only=True):
    """Private key, PEM."""

    key: Secret[Kept[bytes]] = b""
