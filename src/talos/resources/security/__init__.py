"""Resource types of the domain security."""

from __future__ import annotations

from talos.resources.security.image_verification_rule import (
    ImageKeylessVerifierSpec,
    ImagePublicKeyVerifierSpec,
    ImageVerificationRuleSpec,
)
from talos.resources.security.tuf_trusted_root import TUFTrustedRootSpec

__all__ = [
    "ImageKeylessVerifierSpec",
    "ImagePublicKeyVerifierSpec",
    "ImageVerificationRuleSpec",
    "TUFTrustedRootSpec",
]
