"""What the image leaves out of the standard library is nothing that the node's programs import, now or at first use.

The image has another version of Python than the tests may run on; a module that only one of them has is in neither's
way here.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path

from talos.imager import recipe
from talos.imager.python_tree import NOT_ON_THE_NODE

REPOSITORY = Path(__file__).resolve().parents[3]
SOURCE = REPOSITORY / "src"
# Imports each word of its input, with what the image lacks out of reach, and says what could not be imported.
PROGRAM = """
import importlib, importlib.abc, json, sys

left_out, wanted = json.load(sys.stdin)
for name in [name for name in sys.modules if any(name == out or name.startswith(out + ".") for out in left_out)]:
    del sys.modules[name]

class LeftOut(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if any(name == out or name.startswith(out + ".") for out in left_out):
            raise ModuleNotFoundError(f"{name} is not in the image", name=name)

sys.meta_path.insert(0, LeftOut())
failed = {}
for name in wanted:
    try:
        importlib.import_module(name)
    except ImportError as error:
        failed[name] = str(error)
print(json.dumps(failed))
"""


def node_files() -> list[Path]:
    """Files of our package that the image carries."""
    package = SOURCE / "talos"
    return [f for f in sorted(package.rglob("*.py")) if f.relative_to(package).parts[0] not in NOT_ON_THE_NODE]


def imported(file: Path) -> set[str]:
    """Modules of the standard library that a file names in an import, wherever it stands."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module)
    return {name for name in found if name.partition(".")[0] in sys.stdlib_module_names}


def test_nothing_that_is_imported_is_left_out() -> None:
    plan = recipe.load(REPOSITORY / "os" / "root.toml")
    wanted = set().union(*(imported(file) for file in node_files()))
    asked = json.dumps([sorted(plan.stdlib_without), sorted(wanted)])
    done = subprocess.run([sys.executable, "-c", PROGRAM], input=asked, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {}
    assert "http.server" in wanted  # what the image once lacked a part of
