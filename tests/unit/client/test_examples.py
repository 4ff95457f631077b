"""The examples of docs/client, run as they stand there against a server that answers."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from grpclib import Status
from tests.golden import rebuild
from tests.golden.replay import Replay

from talos.api import common_pb2, machine_pb2
from talos.api import cosi_resource_pb2 as pb

DOCS = Path(__file__).parents[3] / "docs" / "client"
EXAMPLES = [
    pytest.param(code, id=f"{page.stem}-{number}")
    for page in sorted(DOCS.glob("*.md"))
    for number, code in enumerate(re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL))
]
PRINTED = {
    "calls-0": "v1.14.0 container\n",
    "calls-1": "10.77.0.2: talos1\n10.77.0.99: rpc error: code = Unavailable desc = no route to 10.77.0.99\n",
    "streams-0": "first\nsecond\n",
    "resources-0": "apid running\n",
    "uploads-0": "",
    "uploads-1": "Linux\nended with 0\n",
    "errors-0": "not there: stat /nosuch: no such file or directory\n",
    "connections-0": "replay 1\ntalos1\n",
    "connections-1": "['10.77.0.9']\n",
}


@pytest.fixture(scope="module")
def replay(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Replay]:
    node, machine = "10.77.0.2", "/machine.MachineService"
    with Replay(tmp_path_factory.mktemp("replay")) as made:
        made.on(node, f"{machine}/Version", rebuild.version())
        hostname = machine_pb2.HostnameResponse(messages=[machine_pb2.Hostname(hostname="talos1")])
        made.on(node, f"{machine}/Hostname", hostname)
        made.on(node, f"{machine}/Logs", common_pb2.Data(bytes=b"first\nsec"), common_pb2.Data(bytes=b"ond\n"))
        made.fail(node, f"{machine}/Read", Status.NOT_FOUND, "stat /nosuch: no such file or directory")
        service = pb.Resource(metadata=pb.Metadata(id="apid"), spec=pb.Spec(yaml_spec="running: true\n"))
        made.on(node, "/cosi.resource.State/List", pb.ListResponse(resource=service))
        made.on(node, f"{machine}/EtcdRecover", machine_pb2.EtcdRecoverResponse())
        answer = machine_pb2.DebugContainerRunResponse
        made.on(node, "/machine.DebugService/ContainerRun", answer(stdout_data=b"Linux\n"), answer(exit_code=0))
        yield made


@pytest.mark.parametrize("code", EXAMPLES)
def test_example(
    code: str,
    replay: Replay,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("TALOSCONFIG", str(replay.talosconfig))
    monkeypatch.chdir(tmp_path)
    Path("etcd.snapshot").write_bytes(b"data")
    names: dict[str, Any] = {}
    exec(compile(code, "example", "exec"), names)
    if "main" in names:
        asyncio.run(names["main"]())
    assert capsys.readouterr().out == PRINTED[request.node.callspec.id]


def test_every_page_has_an_example() -> None:
    assert {str(param.id).rpartition("-")[0] for param in EXAMPLES} == {
        page.stem for page in DOCS.glob("*.md") if page.stem != "README"
    }
