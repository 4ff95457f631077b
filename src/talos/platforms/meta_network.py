"""The network of a machine as META's value 10 has it: the spec of a PlatformConfig, as `talosctl get platformconfig
-o yaml` shows it. For machines of one's own that have neither DHCP nor anybody to ask: `talosctl meta write 0xa`."""

from __future__ import annotations

import types
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec

from talos.platforms import PlatformError
from talos.resources.enums import ConfigLayer
from talos.resources.network import PlatformConfigSpec
from talos.state.enums import WireEnum, WireFlag

KEY = "0x0a"


def parse(text: str) -> PlatformConfigSpec:
    """PlatformError names the field that cannot be read."""
    import yaml

    try:
        data = yaml.load(text, Loader=yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader)
        if not isinstance(data, dict):
            raise ValueError("it is no mapping")
        spec = msgspec.convert(_plain(data, PlatformConfigSpec, ""), PlatformConfigSpec, strict=False)
    except (yaml.YAMLError, msgspec.ValidationError, ValueError) as error:
        raise PlatformError(f"META {KEY} (network configuration): {error}") from error
    for rows in (spec.addresses, spec.links, spec.routes, spec.hostnames, spec.resolvers, spec.time_servers):
        for row in rows:
            row.layer = ConfigLayer.PLATFORM
    for operator in spec.operators:
        operator.layer = ConfigLayer.PLATFORM
    return spec


def _plain(value: Any, kind: Any, where: str) -> Any:
    """Texts of enumerations as numbers, and unknown keys refused; the rest is msgspec's. ValueError."""
    options = get_args(kind) if get_origin(kind) in (Union, types.UnionType) else (kind,)
    kind = next((one for one in options if one is not type(None)), kind)
    if isinstance(kind, type) and issubclass(kind, WireEnum | WireFlag) and isinstance(value, str):
        try:
            return int(kind.parse(value))
        except ValueError as error:
            raise ValueError(f"{where}: {error}") from error
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct) and isinstance(value, dict):
        hints = get_type_hints(kind)
        known = {field.encode_name: hints[field.name] for field in msgspec.structs.fields(kind)}
        if unknown := sorted(str(key) for key in value.keys() - known.keys()):
            raise ValueError(f"{f'{where}.' if where else ''}{unknown[0]} is not known")
        return {key: _plain(item, known[key], f"{where}.{key}" if where else key) for key, item in value.items()}
    if get_origin(kind) is list and isinstance(value, list):
        (item_kind,) = get_args(kind)
        return [_plain(item, item_kind, f"{where}[{number}]") for number, item in enumerate(value)]
    return value
