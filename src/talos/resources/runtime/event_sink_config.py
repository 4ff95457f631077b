"""EventSinkConfig: resource type EventSinkConfigs.runtime.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="EventSinkConfigs.runtime.talos.dev",
    namespace="runtime",
    display="EventSinkConfig",
    aliases=("eventsinkconfig", "esc", "escs"),
    all_aliases=("eventsinkconfigs", "eventsinkconfigs.runtime", "eventsinkconfigs.runtime.talos"),
    proto="talos.resource.definitions.runtime.EventSinkConfigSpec",
)
class EventSinkConfigSpec(Spec):
    """Spec of EventSinkConfigs.runtime.talos.dev."""

    endpoint: str = ""
