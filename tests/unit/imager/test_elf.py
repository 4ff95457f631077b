"""ELF headers, checked against files of this machine and against what the dynamic linker itself says."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from talos.imager import elf


def test_no_elf_is_none(tmp_path: Path) -> None:
    (tmp_path / "text").write_text("#!/bin/sh\n" * 10)
    assert elf.read(tmp_path / "text") is None


def test_a_program_names_its_interpreter_and_libraries() -> None:
    program = Path("/bin/ls")
    parsed = elf.read(program)
    assert parsed is not None
    assert parsed.program
    assert parsed.interpreter.startswith("/lib")
    said = subprocess.run(["objdump", "-p", program], capture_output=True, text=True, check=True).stdout
    assert list(parsed.needed) == [line.split()[1] for line in said.splitlines() if "NEEDED" in line]


def test_a_library_is_no_program() -> None:
    import _ctypes

    parsed = elf.read(Path(_ctypes.__file__))
    assert parsed is not None
    assert not parsed.program


def test_a_library_that_is_not_used_can_be_dropped(tmp_path: Path) -> None:
    source = tmp_path / "m.c"
    source.write_text("int answer(void) { return 42; }\n")
    library = tmp_path / "m.so"
    command = ["gcc", "-shared", "-fPIC", "-Wl,--no-as-needed", "-o", str(library), str(source), "-lm", "-lpthread"]
    if shutil.which("gcc") is None:
        pytest.fail("gcc is missing: run make setup")
    subprocess.run(command, check=True)
    before = elf.read(library)
    assert before is not None
    assert "libm.so.6" in before.needed
    elf.drop_needed(library, "libm.so.6")
    after = elf.read(library)
    assert after is not None
    assert set(before.needed) - set(after.needed) == {"libm.so.6"}
    code = f"import ctypes; assert ctypes.CDLL({str(library)!r}).answer() == 42"
    subprocess.run([sys.executable, "-c", code], check=True)
