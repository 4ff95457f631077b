"""SeccompProfile: resource type SeccompProfiles.cri.talos.dev."""

from __future__ import annotations

from typing import Any

from talos.state.spec import Spec, resource


@resource(
    type="SeccompProfiles.cri.talos.dev",
    namespace="cri",
    display="SeccompProfile",
    aliases=("seccompprofile", "sp", "sps"),
    all_aliases=("seccompprofiles", "seccompprofiles.cri", "seccompprofiles.cri.talos"),
    proto="talos.resource.definitions.cri.SeccompProfileSpec",
)
class SeccompProfileSpec(Spec):
    """Spec of SeccompProfiles.cri.talos.dev."""

    name: str = ""
    value: dict[str, Any] = {}
