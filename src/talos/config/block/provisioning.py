"""Disk selection and sizes, shared by kinds of volume."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import field

from talos.config.document import Part
from talos.config.forms import ByteSize, DiskExpression, Size, byte_size


class DiskSelector(Part, kw_only=True):
    """``provisioning.diskSelector``."""

    match: DiskExpression = ""


class ProvisioningSpec(Part, kw_only=True):
    """``provisioning``."""

    disk_selector: DiskSelector = field(default_factory=DiskSelector)
    grow: bool | None = None
    min_size: ByteSize = ""
    max_size: Size = ""


def provisioning_problems(spec: ProvisioningSpec, *, sized: bool = True) -> Iterator[str]:
    """Faults of the place of a volume that is made anew; ``sized``: as a partition of a disk."""
    if not spec.disk_selector.match:
        yield "provisioning.diskSelector.match is required: which disk, such as '!system_disk'"
    if not sized:
        if spec.grow is not None or spec.min_size or spec.max_size:
            yield "provisioning: a volume that is a whole disk has no grow, minSize or maxSize"
    else:
        yield from size_problems(spec.min_size, spec.max_size)


def size_problems(least: str, most: str) -> Iterator[str]:
    """Faults of ``provisioning.minSize`` and ``maxSize``."""
    if most and not _amount(most):
        yield f"provisioning.maxSize is {most}: leave it out for a volume without limit"
    if not least and not most:
        yield "provisioning.minSize or provisioning.maxSize is required"
    elif least and most and not most.startswith("-") and not most.endswith("%") and byte_size(least) > byte_size(most):
        yield f"provisioning.minSize {least} is more than provisioning.maxSize {most}"


def _amount(size: str) -> int:
    body = size.removeprefix("-")
    return int(body[:-1]) if body.endswith("%") else byte_size(body)
