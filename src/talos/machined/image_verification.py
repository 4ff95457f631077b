"""What ImageVerificationConfig says about an image: the first rule whose pattern fits decides.

Rules that need a signature (keyless, publicKey) are not carried out yet: an image that one of them covers is refused
here with that reason, it is never called verified.
"""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from typing import TYPE_CHECKING

from grpclib import GRPCError, Status
from msgspec import Struct

from talos.config.security.image_verification_config import ImageVerificationConfig, ImageVerificationRule

if TYPE_CHECKING:
    from talos.config import Config


class Verdict(Struct, frozen=True):
    """verified: a signature was checked and is good; the message says why or why not."""

    verified: bool
    message: str


def rules(config: Config | None) -> list[ImageVerificationRule]:
    """Rules in force, in order."""
    documents = config.get_all(ImageVerificationConfig) if config is not None else []
    return [rule for document in documents for rule in document.rules]


def judge(reference: str, found: Sequence[ImageVerificationRule]) -> Verdict:
    """GRPCError PERMISSION_DENIED when a rule denies the image, INVALID_ARGUMENT when it is no reference."""
    if not reference or any(character.isspace() for character in reference):
        raise GRPCError(Status.INVALID_ARGUMENT, f'failed to parse image reference "{reference}"')
    for number, rule in enumerate(found):
        if not fnmatch.fnmatchcase(reference, rule.image or "*"):
            continue
        where = f"rules[{number}] of ImageVerificationConfig (image {rule.image!r})"
        if rule.deny:
            raise GRPCError(Status.PERMISSION_DENIED, f"{reference} is denied by {where}")
        if rule.skip:
            return Verdict(False, f"not verified: skipped by {where}")
        raise GRPCError(
            Status.FAILED_PRECONDITION,
            f"{reference} needs the signature that {where} asks for, which this version of the node cannot check",
        )
    return Verdict(False, "not verified: no rule of ImageVerificationConfig covers this image")
