"""etcd's settings, from the configuration of a control plane node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from talos.config import Config
from talos.controllers.transform import ConfigTransform
from talos.resources.etcd import ArgValues, ConfigSpec
from talos.state import Output


class ConfigController(ConfigTransform):
    """MachineConfig -> EtcdConfig "etcd"."""

    name = "etcd.ConfigController"
    outputs = (Output(ConfigSpec),)
    kind = ConfigSpec
    id = "etcd"

    def render(self, config: Config) -> ConfigSpec | None:
        etcd = config.cluster.etcd
        if not config.machine.is_control_plane or etcd.ca is None:
            return None
        advertise, advertise_not = split_subnets(etcd.advertised_subnets)
        listen, listen_not = split_subnets(etcd.listen_subnets)
        return ConfigSpec(
            advertise_valid_subnets=advertise,
            advertise_exclude_subnets=advertise_not,
            listen_valid_subnets=listen,
            listen_exclude_subnets=listen_not,
            image=etcd.image,
            extra_args=arg_values(etcd.extra_args),
        )


def split_subnets(subnets: Iterable[str]) -> tuple[list[str], list[str]]:
    """Subnets to take and subnets to leave out (written with a leading ``!``)."""
    given = list(subnets)
    return [s for s in given if not s.startswith("!")], [s[1:] for s in given if s.startswith("!")]


def arg_values(extra_args: Mapping[str, str | list[str]]) -> dict[str, ArgValues]:
    """Extra arguments in the form that resources carry."""
    return {n: ArgValues(values=[v] if isinstance(v, str) else list(v)) for n, v in extra_args.items()}
