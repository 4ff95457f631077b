"""Symlink provisioning, shared by several resource types."""

from __future__ import annotations

from talos.state.spec import Part


class SymlinkProvisioningSpec(Part):
    """Message SymlinkProvisioningSpec of the wire contract."""

    symlink_target_path: str = ""
    force: bool = False
