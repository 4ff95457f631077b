"""NetworkStatus: resource type NetworkStatuses.net.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="NetworkStatuses.net.talos.dev",
    namespace="network",
    display="NetworkStatus",
    aliases=("netstatus", "netstatuses", "networkstatus", "ns"),
    all_aliases=("networkstatuses", "networkstatuses.net", "networkstatuses.net.talos"),
    columns=(
        ("Address", "{.addressReady}"),
        ("Connectivity", "{.connectivityReady}"),
        ("Hostname", "{.hostnameReady}"),
        ("Etc", "{.etcFilesReady}"),
    ),
    proto="talos.resource.definitions.network.StatusSpec",
)
class StatusSpec(Spec):
    """Spec of NetworkStatuses.net.talos.dev."""

    address_ready: bool = False
    connectivity_ready: bool = False
    hostname_ready: bool = False
    etc_files_ready: bool = False
