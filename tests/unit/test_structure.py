"""What no linter knows: files stay readable, and the node imports nothing that only people at a terminal need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAX_LINES = 500
PROCESSES = ("machined", "apid", "trustd", "networkd", "timed", "registryd")
NOT_ON_THE_NODE = {"click", "rich", "ruamel", "talos.talosctl", "talos.imager", "talos.provision"}
PEOPLE = {"talosctl", "imager", "provision"}


def sources() -> list[Path]:
    found = [path for path in (ROOT / "src").rglob("*.py") if not path.name.endswith("_pb2.py")]
    assert len(found) > 500
    return found


def test_no_file_is_longer_than_one_reads() -> None:
    assert [str(path) for path in sources() if len(path.read_text().splitlines()) > MAX_LINES] == []


def test_no_module_is_named_after_nothing() -> None:
    assert [str(path) for path in sources() if path.stem in {"utils", "util", "helpers", "common_utils", "misc"}] == []


def test_every_module_says_why_it_is_there() -> None:
    silent = [str(path) for path in sources() if not path.read_text().lstrip().startswith(('"""', 'r"""'))]
    assert silent == []


def test_the_node_imports_nothing_of_the_command_line() -> None:
    imports = "; ".join(f"import talos.{name}.main" for name in PROCESSES)
    # machined imports the larger part when it already runs (talos.machined.rest).
    rest = "talos.machined.rpc.load_handlers(); talos.state.discovery.discover(); talos.resources.load()"
    program = f"import sys; {imports}; {rest}; print(*sys.modules)"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(result.stdout.split())
    assert "talos.machined.main" in loaded
    assert NOT_ON_THE_NODE & loaded == set()


def test_only_who_speaks_http2_before_the_first_answer_loads_it() -> None:
    """apid does; machined and what it shares with all services talk over links (docs/decisions/0023)."""
    program = """
import importlib, sys
from talos.zygote.services import CORE
for name in (*CORE, "talos.machined.main"):
    importlib.import_module(name)
import talos.machined.services
talos.machined.services.definitions()
print(*sys.modules)
"""
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(result.stdout.split())
    assert {"talos.state.remote", "talos.networkd.main", "talos.machined.main"} <= loaded
    assert {
        "h2",
        "hpack",
        "grpclib.client",
        "grpclib.protocol",
        "talos.etcd.client",
        "talos.kubernetes.client",
        "talos.controllers.k8s.kubelet_configuration",
        "talos.resources.block",
        "talos.transport.http2",
    } & loaded == set()


def test_records_of_a_node_cost_no_code_made_at_the_import() -> None:
    """@dataclass writes and compiles methods for 0.8 ms a class, msgspec.Struct takes 0.01: docs/decisions/0004."""
    on_the_node = [path for path in sources() if path.relative_to(ROOT / "src/talos").parts[0] not in PEOPLE]
    assert [
        str(path) for path in on_the_node if "dataclass(" in (text := path.read_text()) or "@dataclass\n" in text
    ] == []
