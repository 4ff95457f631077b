"""ImageVerificationConfig: which container images must carry which signatures."""

from __future__ import annotations

from typing import ClassVar

from msgspec import field

from talos.config.document import Document, Part


class ImageKeylessVerifier(Part, kw_only=True):
    """``rules.keyless``."""

    issuer: str = ""
    subject: str = ""
    subject_regex: str = ""


class ImagePublicKeyVerifier(Part, kw_only=True):
    """``rules.publicKey``."""

    certificate: str = ""


class ImageVerificationRule(Part, kw_only=True):
    """``rules``."""

    image: str = ""
    skip: bool | None = None
    deny: bool | None = None
    keyless: ImageKeylessVerifier | None = None
    public_key: ImagePublicKeyVerifier | None = None


class ImageVerificationConfig(Document, kw_only=True):
    """Which container images must carry which signatures."""

    KIND: ClassVar[str] = "ImageVerificationConfig"

    rules: list[ImageVerificationRule] = field(default_factory=list)
