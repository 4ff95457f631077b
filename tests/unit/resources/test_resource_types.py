"""All 199 types: they exist once, have a proto message that fits, and are cheap to import."""

from __future__ import annotations

import datetime
import re
import subprocess
import sys
import textwrap
import typing
from typing import Any

import msgspec
import pytest
from google.protobuf.message import Message

import talos.resources  # noqa: F401
from talos.api import message_type
from talos.resources.block import VolumeConfigSpec
from talos.resources.enums import AddressFlag, ConfigLayer, Family, LinkType, MachineType, RoutingTable
from talos.resources.meta.registry import NAMESPACES, resource_definitions
from talos.resources.network import AddressSpecSpec, HardwareAddrSpec, LinkSpecSpec, NodeAddressSpec, RouteSpecSpec
from talos.resources.secrets import APICertsSpec, KubernetesRootSpec
from talos.resources.v1alpha1 import ServiceSpec
from talos.state.proto_form import to_bytes, to_message
from talos.state.spec import Part, Spec, definition, layout, registered

ALL = [kind for kind in registered() if kind.__module__.startswith("talos.resources.")]
OURS = [kind for kind in ALL if definition(kind).type.endswith(".pytalos.dev")]
"""beyond Talos: in groups of our own, without a message of the contract"""
TYPES = [kind for kind in ALL if kind not in OURS]


def test_what_is_ours_cannot_be_taken_for_a_type_of_talos() -> None:
    assert OURS
    for kind in OURS:
        about = definition(kind)
        assert re.fullmatch(r"[A-Za-z0-9]+\.[a-z0-9]+\.pytalos\.dev", about.type), about
        assert about.namespace in NAMESPACES and not about.proto, about
        taken = {
            name.lower() for other in TYPES for name in (*definition(other).aliases, *definition(other).all_aliases)
        }
        assert not taken & {*about.aliases, *about.all_aliases}, about


def test_all_types_are_there() -> None:
    assert len(TYPES) == 199
    assert len({definition(kind).type for kind in TYPES}) == 199
    for kind in TYPES:
        about = definition(kind)
        assert about.namespace in NAMESPACES, about
        assert re.fullmatch(r"[A-Za-z0-9]+(\.[a-z0-9]+)?\.(talos|cosi)\.dev", about.type), about


@pytest.mark.parametrize("kind", TYPES, ids=lambda kind: definition(kind).type)
def test_default_spec_fills_its_message(kind: type[Spec]) -> None:
    message = to_message(kind())
    assert (message is None) == (definition(kind).proto == "")
    if message is not None:
        assert message.DESCRIPTOR.full_name == definition(kind).proto


SPECIAL = {
    ("KubeSpanAffiliateSpec", "endpoints"): ["10.0.0.1:80"],
    ("ResourceDefinitionSpec", "sensitivity"): "sensitive",
    ("StaticPodStatusSpec", "pod_status"): {"conditions": []},
}
"""values where the type alone does not tell what is legal"""


def _some(hint: Any, form: str) -> Any:
    """Some value of a type hint that is not empty."""
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is list:
        return [_some(arguments[0], form)]
    if origin is dict:
        return {"key": _some(arguments[1], form)}
    if arguments:
        return _some(arguments[0], form)
    if hint is Any:
        return "x"
    if issubclass(hint, Part):
        return _filled(hint)
    if hint is str:
        return "0a:01:02:03:04:05" if form == "hardware_addr" else "10.0.0.1"
    if hint is datetime.timedelta:
        return datetime.timedelta(seconds=90)
    if hint is datetime.datetime:
        return datetime.datetime(2030, 1, 2, tzinfo=datetime.UTC)
    return {int: 3, float: 1.5, bool: True, bytes: b"\x01"}.get(hint) or hint(1)


def _filled(kind: type[msgspec.Struct]) -> Any:
    forms = layout(kind).forms
    hints = typing.get_type_hints(kind)
    return kind(
        **{name: SPECIAL.get((kind.__name__, name)) or _some(hint, forms.get(name, "")) for name, hint in hints.items()}
    )


@pytest.mark.parametrize("kind", [k for k in TYPES if definition(k).proto], ids=lambda kind: definition(kind).type)
def test_every_attribute_reaches_the_message(kind: type[Spec]) -> None:
    spec: Any = _filled(kind)
    for name in _endpoints(kind):
        setattr(spec, name, ["10.0.0.1:80"] if isinstance(getattr(spec, name), list) else "10.0.0.1:80")
    message = to_message(spec)
    assert message is not None
    filled = {field.name for field, _ in message.ListFields()}
    unset = [f.name for f in message.DESCRIPTOR.fields if f.name not in filled and not _is_expression(f)]
    assert not unset, f"{unset} of {message.DESCRIPTOR.full_name} stay empty"
    assert type(message).FromString(message.SerializeToString()) == message


def _endpoints(kind: type[Spec]) -> list[str]:
    descriptor = message_type(definition(kind).proto).DESCRIPTOR
    plain = {field.name.replace("_", ""): field for field in descriptor.fields}
    found = []
    for name in kind.__struct_fields__:
        field = plain.get(layout(kind).proto_names.get(name, name).replace("_", ""))
        if field is not None and field.message_type is not None and field.message_type.full_name == "common.NetIPPort":
            found.append(name)
    return found


def _is_expression(field: Any) -> bool:
    return field.message_type is not None and field.message_type.full_name == "google.api.expr.v1alpha1.CheckedExpr"


def test_service_message_is_the_recorded_one() -> None:
    assert to_bytes(ServiceSpec(running=True, healthy=True)).hex() == "08011001"


def test_special_scalars_in_messages() -> None:
    def of(spec: Spec) -> Message:
        message = to_message(spec)
        assert message is not None
        return message

    address: Any = of(
        AddressSpecSpec(
            address="10.1.2.3/24", family=Family.INET4, flags=AddressFlag.PERMANENT, layer=ConfigLayer.OPERATOR
        )
    )
    assert (address.address.ip, address.address.prefix_length) == (bytes([10, 1, 2, 3]), 24)
    assert (address.family, address.flags, address.config_layer) == (2, 128, 3)
    route: Any = of(RouteSpecSpec(gateway="fe80::1"))
    assert len(route.gateway.ip) == 16 and not route.HasField("destination")
    nodes: Any = of(NodeAddressSpec(addresses=["10.0.0.1/32", "::1/128"]))
    assert [a.prefix_length for a in nodes.addresses] == [32, 128]
    hardware: Any = of(HardwareAddrSpec(name="eth0", hardware_addr="aa:bb:cc:00:11:22"))
    assert hardware.hardware_addr == bytes.fromhex("aabbcc001122")
    link: Any = of(LinkSpecSpec(name="eth1", master_name="bond0", slave_index=1))
    assert (link.bond_slave.master_name, link.bond_slave.slave_index) == ("bond0", 1)
    certificates = APICertsSpec()
    certificates.server.crt, certificates.server.key = "CERT", "KEY"
    api: Any = of(certificates)
    assert (api.server.crt, api.server.key) == (b"CERT", b"KEY")
    root: Any = of(KubernetesRootSpec(endpoint="https://10.5.0.2:6443"))
    assert root.endpoint.full_path == "https://10.5.0.2:6443"


def test_enumerations_keep_what_they_do_not_know() -> None:
    assert str(MachineType.CONTROL_PLANE) == "controlplane" and MachineType.parse("worker") == 3
    assert (RoutingTable(77).text, RoutingTable.TABLE_MAIN.text) == ("77", "main")
    assert LinkType(4711).text == "LinkType(4711)"
    flags = AddressFlag.TEMPORARY | AddressFlag.PERMANENT
    assert flags.text == "temporary,permanent" and AddressFlag.parse(flags.text) == flags
    with pytest.raises(ValueError, match="unknown, init, controlplane, worker"):
        MachineType.parse("server")


def test_definitions_describe_all_types_including_themselves() -> None:
    found = {resource.id: resource.spec for resource in resource_definitions()}
    rd = found["resourcedefinitions.meta.cosi.dev"]
    assert rd.aliases == ["api-resources", "resourcedefinition", "rd", "rds"] and rd.sensitivity == ""
    assert found["osrootsecrets.secrets.talos.dev"].sensitivity == "sensitive"
    assert found["containerspecs.containers.talos.dev"].all_aliases[0] == "containerspecs"
    assert found["volumeconfigs.block.talos.dev"].display_type == definition(VolumeConfigSpec).display


@pytest.mark.slow
def test_importing_all_types_stays_cheap() -> None:
    """Once in the zygote: about 60 ms and 6 MB here; three times that is a mistake, not noise."""
    script = """
        import time, talos.state, resource, sys
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.process_time()
        import talos.resources
        print(time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
        assert not any(name.startswith("google.protobuf") for name in sys.modules)
    """
    output = subprocess.run([sys.executable, "-c", textwrap.dedent(script)], check=True, capture_output=True, text=True)
    seconds, kilobytes = map(float, output.stdout.split())
    assert seconds < 0.25 and kilobytes < 20_000
