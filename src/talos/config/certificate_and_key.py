"""Certificate with its private key as text, shared by several kinds."""

from __future__ import annotations

from talos.config.document import Part
from talos.config.forms import Secret


class CertificateAndKey(Part, kw_only=True):
    """``issuingCA``."""

    cert: str = ""
    key: Secret[str] = ""
