"""EtcFileSpec: resource type EtcFileSpecs.files.talos.dev."""

from __future__ import annotations

import msgspec

from talos.state.spec import Spec, resource


@resource(
    type="EtcFileSpecs.files.talos.dev",
    namespace="files",
    display="EtcFileSpec",
    aliases=("etcfilespec", "efs"),
    all_aliases=("etcfilespecs", "etcfilespecs.files", "etcfilespecs.files.talos"),
    proto="talos.resource.definitions.files.EtcFileSpecSpec",
    sensitive=True,
    forms={"contents": "string_bytes"},
)
class EtcFileSpecSpec(Spec):
    """Spec of EtcFileSpecs.files.talos.dev."""

    contents: str = ""
    mode: int = 0
    selinux_label: str = msgspec.field(default="", name="selinux_label")
