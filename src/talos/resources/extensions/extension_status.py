"""ExtensionStatus: resource type ExtensionStatuses.runtime.talos.dev."""

from __future__ import annotations

import msgspec

from talos.state.spec import Part, Spec, part, resource


class Constraint(Part):
    """Message Constraint of the wire contract."""

    version: str = ""


class Compatibility(Part):
    """Message Compatibility of the wire contract."""

    talos: Constraint = msgspec.field(default_factory=Constraint)


@part(omit_empty=("extra_info",))
class Metadata(Part):
    """Message Metadata of the wire contract."""

    name: str = ""
    version: str = ""
    author: str = ""
    description: str = ""
    compatibility: Compatibility = msgspec.field(default_factory=Compatibility)
    extra_info: str = ""


@resource(
    type="ExtensionStatuses.runtime.talos.dev",
    namespace="runtime",
    display="ExtensionStatus",
    aliases=("extensions", "extensionstatus", "es"),
    all_aliases=("extensionstatuses", "extensionstatuses.runtime", "extensionstatuses.runtime.talos"),
    columns=(("Name", "{.metadata.name}"), ("Version", "{.metadata.version}")),
    proto="talos.resource.definitions.extensions.Layer",
)
class Layer(Spec):
    """Spec of ExtensionStatuses.runtime.talos.dev."""

    image: str = ""
    metadata: Metadata = msgspec.field(default_factory=Metadata)
