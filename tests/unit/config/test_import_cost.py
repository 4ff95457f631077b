"""What reading a configuration may import: kinds that are not in it cost nothing, nor does what only the CLI needs."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
from talos.config import Config
Config.decode("apiVersion: v1alpha1\\nkind: LinkConfig\\nname: eth0\\n")
print("\\n".join(sys.modules))
"""


def test_reading_one_document_imports_one_kind() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    modules = set(done.stdout.split())
    kinds = {m for m in modules if m.startswith("talos.config.") and m.endswith("_config")}
    assert kinds == {"talos.config.network.link_config"}
    for heavy in ("click", "rich", "ruamel", "google.protobuf", "asyncio", "hypothesis"):
        assert heavy not in modules, heavy
