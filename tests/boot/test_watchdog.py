"""The real PID 1 with two watchdogs that restart: the emulated machine's own, and softdog. No more of the system is
there, so the machine begins within seconds. Whether it is fed shows in that it lives on for more than two timeouts."""

from __future__ import annotations

import lzma
import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from talos.provision import qemu

from .machine import ROOT

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif("TALOS_LONG" not in os.environ, reason="minutes under emulation: make test-boot-long"),
]
HERE = Path(__file__).parent
WORK = ROOT / "_out/boot/work/debs"
OWN, OTHER = "/dev/watchdog0", "/dev/watchdog1"
HELD = "Resource busy"  # in the words of musl, which the program is linked with
LONG = "30"


@pytest.fixture(scope="module")
def files(built: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of the machine, but for its commands."""
    root, work = tmp_path_factory.mktemp("guest"), tmp_path_factory.mktemp("built")
    for folder in ("dev", "sbin"):
        (root / folder).mkdir()
    subprocess.run(["make", "-s", "-C", ROOT / "os/init", f"OUT={work}", "ZYGOTE=/zygote"], check=True)
    shutil.copy(work / "init", root / "sbin/init")
    headers = ["-idirafter", "/usr/include", "-idirafter", "/usr/include/x86_64-linux-gnu"]
    program = ["musl-gcc", "-static", "-Wall", "-Werror", *headers, "-o", root / "init", HERE / "watchdog.c"]
    subprocess.run(program, check=True)
    shutil.copy(root / "init", root / "zygote")
    for name in ("watchdog", "i6300esb", "softdog"):
        (module,) = WORK.glob(f"linux-image-*cloud*/usr/lib/modules/*/kernel/drivers/watchdog/{name}.ko.xz")
        (root / f"{name}.ko").write_bytes(lzma.decompress(module.read_bytes()))
    return root


def run(files: Path, built: dict[str, Path], folder: Path, commands: Sequence[str], parameters: str) -> list[str]:
    """What the machine reported until it went off or was restarted, and what PID 1 said."""
    (files / "commands").write_text("".join(f"{line}\n" for line in [*commands, "poweroff"]))
    names = subprocess.run(["find", ".", "-mindepth", "1"], cwd=files, capture_output=True, check=True).stdout
    archive, console = folder / "initramfs", folder / "console.log"
    with archive.open("wb") as out:
        subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=files, input=names, stdout=out, check=True)
    machine = qemu.Machine(
        console,
        accelerator=qemu.accelerator(built["kernel"]),
        memory=256,
        kernel=built["kernel"],
        initramfs=archive,
        arguments=f"console=ttyS0 quiet panic=-1 talos.boot.deadline=0 softdog={parameters}",
    )
    subprocess.run(qemu.command(machine), stdin=subprocess.DEVNULL, timeout=600, check=False)
    text = console.read_text(errors="replace")
    assert "did not stop" not in text
    return re.findall(r"(?:RESULT |\[init\] )(.*?)\r?$", text, re.MULTILINE)


def test_both_are_fed_and_the_other_is_disarmed(built: dict[str, Path], files: Path, tmp_path: Path) -> None:
    commands = [
        f"watchdog 1 {OTHER} 10", f"open {OWN}", f"open {OTHER}", f"wait {LONG}",
        f"watchdog 2 {OWN} 12", f"wait {LONG}", "watchdog 3", "watchdog 4 /dev/null 10", f"watchdog 5 {OTHER} 99999",
        f"wait {LONG}",
    ]  # fmt: skip
    assert run(files, built, tmp_path, commands, "nowayout=0") == [
        "answer: 1 0 10 3333", f"{OWN}: {HELD}", f"{OTHER}: {HELD}", f"alive after: {LONG}",
        "answer: 2 0 12 4000", f"alive after: {LONG}", "answer: 3 0 0 0", "answer: 4 25 0 0", "answer: 5 22 0 0",
        f"alive after: {LONG}", "poweroff",
    ]  # fmt: skip


def test_one_that_cannot_be_disarmed_is_fed_further(built: dict[str, Path], files: Path, tmp_path: Path) -> None:
    commands = [f"watchdog 1 {OTHER} 10", "watchdog 2", f"wait {LONG}", f"open {OTHER}"]
    assert run(files, built, tmp_path, commands, "nowayout=1") == [
        "answer: 1 0 10 3333", "a watchdog that cannot be disarmed (nowayout) is fed further", "answer: 2 0 0 0",
        f"alive after: {LONG}", f"{OTHER}: {HELD}", "poweroff",
    ]  # fmt: skip


def test_what_nobody_feeds_restarts_the_machine(built: dict[str, Path], files: Path, tmp_path: Path) -> None:
    """The device that these tests stand on does its work: the program opens it and leaves it."""
    found = run(files, built, tmp_path, [f"open {OTHER}", "wait 300"], "soft_margin=10")
    assert found == [f"{OTHER}: opened, and fed by nobody"]
