"""Environment: resource type Environments.runtime.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="Environments.runtime.talos.dev",
    namespace="runtime",
    display="Environment",
    aliases=("env", "environment"),
    all_aliases=("environments", "environments.runtime", "environments.runtime.talos"),
    columns=(("Variables", "{.variables}"),),
    proto="talos.resource.definitions.runtime.EnvironmentSpec",
)
class EnvironmentSpec(Spec):
    """Spec of Environments.runtime.talos.dev."""

    variables: list[str] = []
