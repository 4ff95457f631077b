"""SBOMItem: resource type SBOMItems.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="SBOMItems.talos.dev",
    namespace="runtime",
    display="SBOMItem",
    aliases=("sbom", "sboms", "sbomitem", "sbomi", "sbomis"),
    all_aliases=("sbomitems", "sbomitems.talos"),
    columns=(("Version", "{.version}"), ("License", "{.license}"), ("Extension", "{.extension}")),
    proto="talos.resource.definitions.runtime.SBOMItemSpec",
    omit_empty=("license", "cpes", "purls", "extension"),
)
class SBOMItemSpec(Spec):
    """Spec of SBOMItems.talos.dev."""

    name: str = ""
    version: str = ""
    license: str = ""
    cpes: list[str] = []
    purls: list[str] = []
    extension: bool = False
