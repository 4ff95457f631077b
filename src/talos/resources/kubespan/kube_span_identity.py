"""KubeSpanIdentity: resource type KubeSpanIdentities.kubespan.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="KubeSpanIdentities.kubespan.talos.dev",
    namespace="kubespan",
    display="KubeSpanIdentity",
    aliases=("kubespanidentity", "ksi", "ksis"),
    all_aliases=("kubespanidentities", "kubespanidentities.kubespan", "kubespanidentities.kubespan.talos"),
    columns=(("Address", "{.address}"), ("PublicKey", "{.publicKey}")),
    proto="talos.resource.definitions.kubespan.IdentitySpec",
    sensitive=True,
)
class IdentitySpec(Spec):
    """Spec of KubeSpanIdentities.kubespan.talos.dev."""

    address: str = ""
    subnet: str = ""
    private_key: str = ""
    public_key: str = ""
