"""Modules out of the archive that the imager writes, read by the node's own finder."""

from __future__ import annotations

import importlib
import marshal
import py_compile
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import talos
from talos.imager import import_order, start_archive
from talos.imager.tree import Tree
from talos.state.discovery import children, modules
from talos.zygote.archive import NAME, Archive

SOURCES = {
    "archived/__init__.py": "from archived.inner import deep\nVALUE = 1\n",
    "archived/inner/__init__.py": "",
    "archived/inner/deep.py": "WHERE = __file__\ndef fails():\n    raise RuntimeError('here')\n",
    "archived/beside.py": "VALUE = 2\n",
    "talos/apid/main.py": "VALUE = 4\n",
    "encodings/early.py": "VALUE = 5\n",
}


@pytest.fixture
def tree(tmp_path: Path) -> Tree:
    made = Tree(tmp_path / "root")
    for name, text in SOURCES.items():
        source = tmp_path / "sources" / name
        source.parent.mkdir(parents=True, exist_ok=True)
        source.write_text(text)
        compiled = py_compile.compile(str(source), str(tmp_path / "compiled.pyc"), doraise=True)
        made.file(f"{start_archive.MODULE_PATH}/{name}c", Path(str(compiled)), "modules")
    return made


@pytest.fixture
def folder(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    made = tree.root / start_archive.MODULE_PATH
    monkeypatch.setattr(sys, "meta_path", list(sys.meta_path))
    yield made
    for name in [name for name in sys.modules if name.partition(".")[0] == "archived"]:
        del sys.modules[name]


def packed(tree: Tree, *names: str) -> list[str]:
    return start_archive.pack(tree, [f"{start_archive.MODULE_PATH}/{name}c" for name in names])


def test_modules_come_out_of_the_archive_and_others_from_their_folder(tree: Tree, folder: Path) -> None:
    packed(tree, *(name for name in SOURCES if name != "archived/beside.py"))
    assert not (folder / "archived/__init__.pyc").exists()
    Archive(str(folder)).install()
    module = importlib.import_module("archived")
    assert module.VALUE == 1
    assert Path(module.deep.WHERE) == folder / "archived/inner/deep.pyc"
    assert importlib.import_module("archived.beside").VALUE == 2
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("archived.nowhere")


def test_the_archive_lies_behind_what_is_read_before_it_and_mains_stay_files(tree: Tree, folder: Path) -> None:
    order = packed(tree, *SOURCES)
    base = start_archive.MODULE_PATH
    assert order == [
        f"{base}/encodings/early.pyc",
        f"{base}/{NAME}",
        f"{base}/talos/apid/main.pyc",
    ]
    assert all((tree.root / path).is_file() for path in order)
    assert f"{base}/archived/beside.pyc" not in tree.parts


@pytest.mark.parametrize("taken", range(4))
def test_the_modules_of_a_package_are_those_of_its_folder_and_of_the_archive(
    tree: Tree, folder: Path, taken: int
) -> None:
    for other in ("notes.txt", "not-a-name.py"):
        (folder / "archived" / other).write_text("")
    (folder / "archived/no_package").mkdir()
    names = [name for name in SOURCES if name.startswith("archived/")]
    packed(tree, *names[: taken + 1])
    Archive(str(folder)).install()
    sys.path_importer_cache.clear()
    assert children("archived") == {"archived.beside": False, "archived.inner": True}
    assert modules("archived") == ["archived.beside", "archived.inner", "archived.inner.deep"]


def test_regular_expressions_are_handed_out_as_the_image_has_them(tree: Tree, folder: Path) -> None:
    """In an interpreter of its own: what compiles them here has long been imported."""
    program = f"""
import sys
sys.path.insert(0, {str(Path(talos.__file__).parent.parent)!r})
{import_order.NOTING}
import marshal, re
from talos.zygote.archive import Archive
asked = [(r"(?P<year>\\d+)-x|y", re.IGNORECASE), (b"[a-f]{{2,}}", 0), ("ä+", 0)]
made = [re.compile(*one) for one in asked]
table = marshal.loads(marshal.dumps(list(patterns.made.items()), 2))
re.purge()
archive = Archive("/nowhere")
archive._patterns = dict(table)
re._compiler.compile, re._compiler._sre = patterns.plain, patterns.sre
def never(*_):
    raise AssertionError("compiled again")
parse, re._compiler._code = re._compiler._code, never
archive._hand_out_patterns(re._compiler)
again = [re.compile(*one) for one in asked]
assert again == made and [p.flags for p in again] == [p.flags for p in made], again
assert again[0].fullmatch("1999-X")["year"] == "1999" and again[1].findall(b"abz") == [b"ab"]
re._compiler._code = parse
assert re.compile("other").match("other") and re._compiler.compile(re._parser.parse("a")).match("a")
print("fine")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.stdout == "fine\n", done.stderr


def test_a_folder_without_an_archive_is_imported_from_as_ever(tree: Tree, folder: Path) -> None:
    before = list(sys.meta_path)
    Archive(str(folder)).install()
    assert sys.meta_path == before


@pytest.mark.parametrize("length", [0, 4, 8, 40])
def test_a_cut_archive_is_an_error_and_not_a_node_without_modules(tree: Tree, folder: Path, length: int) -> None:
    packed(tree, "archived/__init__.py")
    file = folder / NAME
    file.write_bytes(file.read_bytes()[:length])
    with pytest.raises((EOFError, ValueError, TypeError)):
        Archive(str(folder))


def test_the_same_modules_give_the_same_bytes(tree: Tree, folder: Path) -> None:
    packed(tree, "archived/__init__.py", "archived/inner/deep.py")
    data = (folder / NAME).read_bytes()
    length = int.from_bytes(data[:8], "little")
    index, _ = marshal.loads(data[8 : 8 + length])
    assert list(index) == ["archived", "archived.inner.deep"]
    assert index["archived"][2] == 1
    assert index["archived.inner.deep"][2] == 0
    assert sum(size for _, size, _ in index.values()) == len(data) - 8 - length
