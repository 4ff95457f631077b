"""EtcdConfig: resource type EtcdConfigs.etcd.talos.dev."""

from __future__ import annotations

from talos.resources.etcd.arg_values import ArgValues
from talos.state.spec import Spec, resource


@resource(
    type="EtcdConfigs.etcd.talos.dev",
    namespace="etcd",
    display="EtcdConfig",
    aliases=("etcdconfig", "ec", "ecs"),
    all_aliases=("etcdconfigs", "etcdconfigs.etcd", "etcdconfigs.etcd.talos"),
    columns=(("Image", "{.image}"),),
    proto="talos.resource.definitions.etcd.ConfigSpec",
    omit_empty=("advertise_valid_subnets", "listen_valid_subnets"),
)
class ConfigSpec(Spec):
    """Spec of EtcdConfigs.etcd.talos.dev."""

    advertise_valid_subnets: list[str] = []
    advertise_exclude_subnets: list[str] = []
    listen_valid_subnets: list[str] = []
    listen_exclude_subnets: list[str] = []
    image: str = ""
    extra_args: dict[str, ArgValues] = {}
