"""PKIStatus: resource type PKIStatuses.etcd.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="PKIStatuses.etcd.talos.dev",
    namespace="etcd",
    display="PKIStatus",
    aliases=("pkistatus", "pkis"),
    all_aliases=("pkistatuses", "pkistatuses.etcd", "pkistatuses.etcd.talos"),
    columns=(("Ready", "{.ready}"), ("Secrets Version", "{.version}")),
    proto="talos.resource.definitions.etcd.PKIStatusSpec",
)
class PKIStatusSpec(Spec):
    """Spec of PKIStatuses.etcd.talos.dev."""

    ready: bool = False
    version: str = ""
