"""Disks for volumes of the user (`cluster create --user-volumes`): what both ends of one call have to agree on."""

from __future__ import annotations

USER_DISK_EXTRA = 8 << 20
"""bytes of a disk beside its volumes: tables at both ends, and what alignment takes"""


def user_disk_serial(number: int) -> str:
    """By which the configuration selects a disk."""
    return f"user-volumes-{number}"
