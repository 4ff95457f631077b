"""What of a request may stand in a log: every text field of every request of the contract is looked at."""

from __future__ import annotations

import importlib
import re
from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from hypothesis import given
from hypothesis import strategies as st

from talos.api import machine_pb2
from talos.machined.audit.summary import HIDDEN, MAX_TEXT, summary
from talos.machined.rpc import PROTO_MODULES


def texts(descriptor: Any, seen: set[str]) -> Iterator[str]:
    """Full names of all text fields below a request."""
    if descriptor.full_name in seen:
        return
    seen.add(descriptor.full_name)
    for field in descriptor.fields:
        if field.type == FieldDescriptor.TYPE_STRING:
            yield field.full_name
        elif field.message_type is not None:
            yield from texts(field.message_type, seen)


def test_no_text_field_of_a_request_that_sounds_secret_is_shown() -> None:
    suspicious = re.compile("token|secret|pass|key|cert|cred|auth|private|pem|spec|env", re.IGNORECASE)
    shown = set()
    for name in PROTO_MODULES:
        for service in importlib.import_module(f"talos.api.{name}").DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                for field in texts(method.input_type, set()):
                    last = field.rpartition(".")[2]
                    if suspicious.search(last) and not HIDDEN.search(last):
                        shown.add(field)
    known_harmless = {
        "cosi.resource.LabelTerm.key",
        "machine.DebugContainerRunRequestSpec.EnvEntry.key",
        "cosi.resource.Metadata.LabelsEntry.key",
        "cosi.resource.Metadata.AnnotationsEntry.key",
    }
    assert shown <= known_harmless, shown - known_harmless


def test_bytes_are_counted_and_environments_hidden() -> None:
    spec = machine_pb2.DebugContainerRunRequestSpec(image_name="x", env={"PASSWORD": "hunter2"}, args=["a"] * 100)
    shown = summary(machine_pb2.DebugContainerRunRequest(spec=spec))
    assert "hunter2" not in str(shown)
    assert shown["spec"]["image_name"] == "x" and len(shown["spec"]["args"]) == 17
    assert summary(machine_pb2.MetaWriteRequest(key=10, value=b"s3cret")) == {"key": 10, "value": "6 bytes"}


@given(st.text(max_size=2000), st.integers(0, 2**31 - 1))
def test_a_text_is_cut(text: str, mode: int) -> None:
    shown = summary(machine_pb2.ServiceStopRequest(id=text.encode(errors="ignore").decode()))
    assert len(str(shown.get("id", ""))) < MAX_TEXT + 40
    assert summary(machine_pb2.ApplyConfigurationRequest(mode=mode)).keys() <= {"mode"}  # type: ignore[arg-type]
