"""ResourceDefinition: resource type ResourceDefinitions.meta.cosi.dev."""

from __future__ import annotations

from talos.state.spec import Part, Spec, resource


class PrintColumn(Part):
    """Message PrintColumn of the wire contract."""

    name: str = ""
    json_path: str = ""


@resource(
    type="ResourceDefinitions.meta.cosi.dev",
    namespace="meta",
    display="ResourceDefinition",
    aliases=("api-resources", "resourcedefinition", "rd", "rds"),
    all_aliases=("resourcedefinitions", "resourcedefinitions.meta", "resourcedefinitions.meta.cosi"),
    columns=(("Aliases", "{.aliases[:]}"),),
    proto="cosi.resource.meta.ResourceDefinitionSpec",
    omit_empty=("skip_automatic_aliases", "sensitivity"),
    proto_names={"type": "resource_type", "skip_automatic_aliases": ""},
)
class ResourceDefinitionSpec(Spec):
    """Spec of ResourceDefinitions.meta.cosi.dev."""

    type: str = ""
    display_type: str = ""
    default_namespace: str = ""
    aliases: list[str] = []
    all_aliases: list[str] = []
    skip_automatic_aliases: bool = False
    print_columns: list[PrintColumn] = []
    sensitivity: str = ""
