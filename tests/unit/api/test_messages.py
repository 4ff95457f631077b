"""The generated messages are those of the wire contract, and finding one imports no more than it needs."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.descriptor import Descriptor, FieldDescriptor

import talos.api
from talos.api import message_type, method_types, module_of, service_descriptor

API = Path(__file__).parents[3] / "api"
CONTRACT = re.compile(r"(common|machine|cluster|inspect|storage|time|securityapi|signerapi)|(cosi|resource|talos)\..*")


def modules() -> Iterator[object]:
    import importlib

    for proto in sorted(API.glob("*.proto")):
        yield importlib.import_module(f"talos.api.{proto.stem}_pb2")


def messages(descriptors: object) -> Iterator[Descriptor]:
    for descriptor in descriptors.values():  # type: ignore[attr-defined]
        if not descriptor.GetOptions().map_entry:
            yield descriptor
            yield from messages(descriptor.nested_types_by_name)


def test_whole_contract_is_there() -> None:
    files = [m.DESCRIPTOR for m in modules()]  # type: ignore[attr-defined]
    ours = [f for f in files if CONTRACT.fullmatch(f.package)]
    found = [d for f in ours for d in messages(f.message_types_by_name)]
    assert len(found) == 551
    assert sum(len(d.fields) for d in found) == 2103
    services = [s for f in ours for s in f.services_by_name.values()]
    assert (len(services), sum(len(s.methods) for s in services)) == (14, 85)


@pytest.mark.parametrize(
    ("message", "field", "number", "kind"),
    [
        ("machine.ApplyConfigurationRequest", "try_mode_timeout", 6, FieldDescriptor.TYPE_MESSAGE),
        ("machine.ContainerInfo", "uid", 10, FieldDescriptor.TYPE_STRING),
        ("machine.FileInfo", "xattrs", 12, FieldDescriptor.TYPE_MESSAGE),
        ("cosi.resource.WatchRequest", "api_version", 5, FieldDescriptor.TYPE_INT32),
        ("cosi.resource.Metadata", "labels", 10, FieldDescriptor.TYPE_MESSAGE),
        ("talos.resource.definitions.secrets.APICertsSpec", "skip_verifying_client_cert", 5, FieldDescriptor.TYPE_BOOL),
        ("common.Metadata", "status", 3, FieldDescriptor.TYPE_MESSAGE),
    ],
)
def test_numbers(message: str, field: str, number: int, kind: int) -> None:
    found = message_type(message).DESCRIPTOR.fields_by_name[field]
    assert (found.number, found.type) == (number, kind)


def test_lookup() -> None:
    assert message_type("talos/runtime/machine.MachineStatusEvent").DESCRIPTOR.name == "MachineStatusEvent"
    assert message_type("machine.MachineStatusEvent.MachineStatus.UnmetCondition")
    assert method_types("/cosi.resource.State/Watch")[2:] == (False, True)
    assert method_types("/machine.MachineService/EtcdRecover")[2:] == (True, False)
    assert service_descriptor("time.TimeService").full_name == "time.TimeService"
    assert module_of("talos.resource.definitions.k8s") == "talos.api.definitions_k8s_pb2"


@pytest.mark.parametrize("name", ["", "machine", "machine.Nosuch", "nosuch.X", "google.protobuf.Nosuch", "..", "a/b"])
def test_unknown_names(name: str) -> None:
    with pytest.raises(LookupError):
        message_type(name)
    with pytest.raises(LookupError):
        method_types(f"/{name}/X")


def test_importing_the_package_imports_no_message() -> None:
    code = "import sys, talos.api; print([m for m in sys.modules if m.endswith('_pb2') or m in ('google.protobuf',)])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
    code = "import talos.api, time, inspect, resource; talos.api.message_type('time.Time'); print(time.time() > 0)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "True"
    assert talos.api.__doc__
