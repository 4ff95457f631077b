"""HostnameStatus: resource type HostnameStatuses.net.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="HostnameStatuses.net.talos.dev",
    namespace="network",
    display="HostnameStatus",
    aliases=("hostname", "hostnamestatus", "hs"),
    all_aliases=("hostnamestatuses", "hostnamestatuses.net", "hostnamestatuses.net.talos"),
    columns=(("Hostname", "{.hostname}"), ("Domainname", "{.domainname}")),
    proto="talos.resource.definitions.network.HostnameStatusSpec",
)
class HostnameStatusSpec(Spec):
    """Spec of HostnameStatuses.net.talos.dev."""

    hostname: str = ""
    domainname: str = ""
