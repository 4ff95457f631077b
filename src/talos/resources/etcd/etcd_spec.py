"""EtcdSpec: resource type EtcdSpecs.etcd.talos.dev."""

from __future__ import annotations

from talos.resources.etcd.arg_values import ArgValues
from talos.state.spec import Spec, resource


@resource(
    type="EtcdSpecs.etcd.talos.dev",
    namespace="etcd",
    display="EtcdSpec",
    aliases=("etcdspec", "es"),
    all_aliases=("etcdspecs", "etcdspecs.etcd", "etcdspecs.etcd.talos"),
    columns=(
        ("Name", "{.name}"),
        ("AdvertisedAddresses", "{.advertisedAddresses}"),
        ("ListenPeerAddresses", "{.listenPeerAddresses}"),
        ("ListenClientAddresses", "{.listenClientAddresses}"),
    ),
    proto="talos.resource.definitions.etcd.SpecSpec",
)
class SpecSpec(Spec):
    """Spec of EtcdSpecs.etcd.talos.dev."""

    name: str = ""
    advertised_addresses: list[str] = []
    listen_peer_addresses: list[str] = []
    listen_client_addresses: list[str] = []
    image: str = ""
    extra_args: dict[str, ArgValues] = {}
