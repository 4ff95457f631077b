"""Resource types of the domain files."""

from __future__ import annotations

from talos.resources.files.etc_file_spec import EtcFileSpecSpec
from talos.resources.files.etc_file_status import EtcFileStatusSpec

__all__ = [
    "EtcFileSpecSpec",
    "EtcFileStatusSpec",
]
