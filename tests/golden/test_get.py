"""`talosctl get` of every resource type, as table and as YAML, against a node that holds what a genuine one held.

tests/golden/talosctl/get.txt holds what Talos' own client printed. The resources are put together from its YAML; the
columns of the tables come from our own definitions of the types, so both are checked.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf.message import Message

import talos.resources
from talos.api import cosi_resource_pb2 as pb
from talos.resources.meta.registry import resource_definitions
from talos.talosctl.main import run
from tests.golden.replay import Recorded, Replay, TextLoader

TEXT = (Path(__file__).parent / "talosctl" / "get.txt").read_text()
NODE = "10.77.0.2"


@cache
def commands() -> dict[tuple[str, str], Recorded]:
    """By type and output form, of the control plane node."""
    found = {}
    for part in TEXT.split("# args: ")[1:]:
        recorded = Recorded(f"# args: {part}")
        _, node, _, kind, _, form = recorded.args.split()
        if node == NODE:
            found[kind, form] = recorded
    return found


QUICK = frozenset(
    f"{name}.talos.dev"
    for name in (
        *("Services.v1alpha1", "AddressSpecs.net", "LinkSpecs.net", "Members.cluster", "MachineStatuses.runtime"),
        *("KernelParamStatuses.runtime", "EtcdMembers.etcd", "NodeAddresses.net", "Versions.runtime", "Disks.block"),
    )
)
"""the others take their time"""
TYPES = [
    kind if kind in QUICK else pytest.param(kind, marks=pytest.mark.slow)
    for kind in sorted({kind for kind, _ in commands()})
]


@cache
def definitions() -> list[pb.Resource]:
    for module in pkgutil.iter_modules(talos.resources.__path__, "talos.resources."):
        importlib.import_module(module.name)
    found = []
    for resource in resource_definitions():
        spec = resource.spec
        text = json.dumps(
            {
                "type": spec.type,
                "displayType": spec.display_type,
                "defaultNamespace": spec.default_namespace,
                "aliases": spec.aliases,
                "allAliases": spec.all_aliases,
                "printColumns": [{"name": c.name, "jsonPath": c.json_path} for c in spec.print_columns],
            }
        )
        metadata = pb.Metadata(
            namespace="meta", type="ResourceDefinitions.meta.cosi.dev", id=spec.type.lower(), version="1"
        )
        found.append(pb.Resource(metadata=metadata, spec=pb.Spec(yaml_spec=text)))
    return found


def resources(output: str) -> Iterator[pb.Resource]:
    """From YAML as printed."""
    for text in f"\n{output}".split("\nnode: ")[1:]:
        text = f"node: {text}".removesuffix("\n---").rstrip("\n")
        head, _, spec = text.partition("\nspec:")
        md = yaml.load(head, Loader=TextLoader)["metadata"]
        metadata = pb.Metadata(
            namespace=md["namespace"],
            type=md["type"],
            id=str(md["id"]),
            version=str(md["version"]),
            owner=md["owner"] or "",
            phase=md["phase"],
            finalizers=md.get("finalizers") or [],
            labels={k: str(v or "") for k, v in (md.get("labels") or {}).items()},
            annotations={k: str(v or "") for k, v in (md.get("annotations") or {}).items()},
        )
        for key in ("created", "updated"):
            getattr(metadata, key).FromDatetime(datetime.strptime(md[key], "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC))
        yield pb.Resource(metadata=metadata, spec=pb.Spec(yaml_spec=_spec(spec)))


def _spec(text: str) -> str:
    if text.startswith("\n"):
        return "".join(f"{line.removeprefix('    ')}\n" for line in text[1:].split("\n"))
    return text.strip() + "\n"


def answer(request: Any) -> Sequence[Message]:
    """State/List of everything recorded."""
    if request.type == "ResourceDefinitions.meta.cosi.dev":
        return [pb.ListResponse(resource=resource) for resource in definitions()]
    found = resources(commands()[request.type, "yaml"].stdout)
    return [pb.ListResponse(resource=r) for r in found if r.metadata.namespace == request.namespace]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replay]:
    with Replay(tmp_path_factory.mktemp("replay")) as replay:
        replay.nodes[NODE] = {"/cosi.resource.State/List": answer}
        yield replay


@pytest.mark.parametrize("form", ["table", "yaml"])
@pytest.mark.parametrize("kind", TYPES)
def test_get(
    kind: str, form: str, server: Replay, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALOSCONFIG", str(server.talosconfig))
    wanted = commands()[kind, form]
    assert run(wanted.args.split()) == wanted.exit
    out, err = capsys.readouterr()
    assert [line.rstrip() for line in out.splitlines()] == [line.rstrip() for line in wanted.stdout.splitlines()]
    assert err == ""


def test_json_holds_the_same(
    server: Replay, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TALOSCONFIG", str(server.talosconfig))
    assert run(["-n", NODE, "get", "services", "-o", "json"]) == 0
    out = capsys.readouterr().out
    decoder, found = json.JSONDecoder(), []
    while out.strip():
        value, end = decoder.raw_decode(out.lstrip())
        found.append(value)
        out = out.lstrip()[end:]
    wanted = yaml.load_all(commands()["Services.v1alpha1.talos.dev", "yaml"].stdout, Loader=TextLoader)
    assert found == [{**w, "metadata": {**w["metadata"], "owner": w["metadata"]["owner"] or ""}} for w in wanted]


@pytest.mark.slow  # the shell is not kept waiting: a busy machine is offered nothing
@pytest.mark.parametrize(
    ("line", "found"),
    [
        (f"talosctl -n {NODE} get services", {"services.v1alpha1.talos.dev"}),
        (f"talosctl get -n {NODE} addressspecs", {"addressspecs.net.talos.dev"}),
        (f"talosctl -n {NODE} service kub", {"kubelet"}),
    ],
)
def test_the_node_is_asked_what_can_be_typed(line: str, found: set[str], server: Replay) -> None:
    import os
    import subprocess
    import sys

    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split()) - 1), "_TALOSCTL_COMPLETE": "bash_complete"}
    done = subprocess.run(
        [Path(sys.executable).with_name("talosctl")],
        env={**os.environ, **words, "TALOSCONFIG": str(server.talosconfig)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    offered = {entry.partition(",")[2] for entry in done.stdout.splitlines()}
    assert done.stderr == "" and offered and offered <= found
