"""Version: resource type Versions.runtime.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="Versions.runtime.talos.dev",
    namespace="runtime",
    display="Version",
    aliases=("version",),
    all_aliases=("versions", "versions.runtime", "versions.runtime.talos"),
    columns=(("Name", "{.name}"), ("Version", "{.version}")),
    proto="talos.resource.definitions.runtime.VersionSpec",
)
class VersionSpec(Spec):
    """Spec of Versions.runtime.talos.dev."""

    name: str = ""
    version: str = ""
