"""XFS options, shared by kinds of volume."""

from __future__ import annotations

from talos.config.document import Part
from talos.config.forms import ByteSize


class XFSSpec(Part, kw_only=True):
    """``filesystem.xfs``."""

    min_allocation_group_size: ByteSize = ""
