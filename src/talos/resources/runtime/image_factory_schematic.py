"""ImageFactorySchematic: resource type ImageFactorySchematics.runtime.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="ImageFactorySchematics.runtime.talos.dev",
    namespace="runtime",
    display="ImageFactorySchematic",
    aliases=("imagefactoryschematic", "ifs"),
    all_aliases=("imagefactoryschematics", "imagefactoryschematics.runtime", "imagefactoryschematics.runtime.talos"),
    columns=(("Schematic ID", "{.schematicId}"), ("Flavor", "{.flavor}"), ("API URL", "{.apiUrl}")),
    proto="talos.resource.definitions.runtime.ImageFactorySchematicSpec",
)
class ImageFactorySchematicSpec(Spec):
    """Spec of ImageFactorySchematics.runtime.talos.dev."""

    schematic_id: str = ""
    flavor: str = ""
    api_url: str = ""
