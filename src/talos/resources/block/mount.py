"""Mount, shared by several resource types."""

from __future__ import annotations

from talos.resources.block.parameter import ParameterSpec
from talos.state.spec import Part, part


@part(
    omit_empty=(
        "parent_id",
        "file_mode",
        "uid",
        "gid",
        "recursive_relabel",
        "bind_target",
        "parameters",
        "secure",
        "no_exec",
    )
)
class MountSpec(Part):
    """Message MountSpec of the wire contract."""

    target_path: str = ""
    selinux_label: str = ""
    project_quota_support: bool = False
    parent_id: str = ""
    file_mode: int = 0
    uid: int = 0
    gid: int = 0
    recursive_relabel: bool = False
    bind_target: str = ""
    parameters: list[ParameterSpec] = []
    secure: bool = False
    no_exec: bool = False
