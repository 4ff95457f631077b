"""talos.experimental.wipe: what it takes, on a disk that our installer wrote, and what it refuses."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from tests.unit.machined.disk.loop_disk import bring_up, holes_left_out, needs_loop, targets

from talos.kernel_arguments import KernelArguments
from talos.linux.disk_io import OpenDisk
from talos.linux.gpt import Table
from talos.linux.mount import umount
from talos.machined.disk import installer, reset, start, system_disk, wipe_argument
from talos.machined.disk.installer import Plan
from talos.machined.disk.system_disk import SystemDisk

SECRET = b"-----BEGIN a key that nobody may find-----"


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("system", ()),
        ("system:STATE", ("STATE",)),
        ("system:EPHEMERAL,STATE,EPHEMERAL", ("EPHEMERAL", "STATE")),
        ("system:META", ("META",)),
    ],
)
def test_what_a_value_names(value: str, found: tuple[str, ...]) -> None:
    assert wipe_argument.labels(value) == found


@pytest.mark.parametrize("value", ["", "System", "system:", "system:EFI", "system:STATE,", "STATE", "/dev/sda", "all"])
def test_what_means_nothing_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match="wipes nothing: it is system, or system: and some of META,STATE,EPHEMERAL"):
        wipe_argument.labels(value)


@given(st.text())
def test_no_text_but_one_word_means_everything(value: str) -> None:
    try:
        found = wipe_argument.labels(value)
    except ValueError:
        return
    assert found != () or value == "system"
    assert set(found) <= set(reset.LABELS)


class Installed:
    """A disk with a secret in STATE and in EPHEMERAL, nothing of it mounted."""

    def __init__(self, plan: Plan, root: Path) -> None:
        self.path, self.root, self.targets = plan.disk, root, targets(root)
        self.image = root.parent / "disk.img"
        installer.install(plan)
        bring_up(self.completed(), root, self.targets)
        for folder in ("system/state", "var"):
            (root / folder / "secret").write_bytes(SECRET)
        self.unmount()

    def found(self) -> SystemDisk | None:
        return system_disk.find([self.path], "")

    def completed(self) -> SystemDisk:
        found = self.found()
        assert found is not None
        return system_disk.complete(found)

    def unmount(self) -> None:
        for _, target, _, _ in self.targets:
            umount(str(self.root / target.lstrip("/")))

    def secrets(self) -> int:
        os.sync()
        with self.image.open("rb") as file:
            size = self.image.stat().st_size
            return sum(os.pread(file.fileno(), b - a, a).count(SECRET) for a, b in holes_left_out(file.fileno(), size))


@pytest.fixture
def installed(plan: Plan, tmp_path: Path) -> Installed:
    return Installed(plan, tmp_path / "root")


@pytest.mark.slow
@needs_loop
def test_partitions_are_wiped_and_made_anew(installed: Installed) -> None:
    assert installed.secrets() == 2
    done = wipe_argument.carry_out("system:STATE,EPHEMERAL", installed.completed(), installed.root)
    assert done == f"talos.experimental.wipe: STATE, EPHEMERAL on {installed.path} is wiped"
    assert installed.secrets() == 0
    bring_up(installed.completed(), installed.root, installed.targets)
    assert not (installed.root / "system/state/secret").exists() and not (installed.root / "var/secret").exists()
    assert not (installed.root / "system/state/config.yaml").exists()  # no configuration: maintenance mode
    installed.unmount()


@pytest.mark.slow
@needs_loop
def test_the_others_are_kept(installed: Installed) -> None:
    wipe_argument.carry_out("system:EPHEMERAL", installed.completed(), installed.root)
    assert installed.secrets() == 1
    bring_up(installed.completed(), installed.root, installed.targets)
    assert (installed.root / "system/state/secret").read_bytes() == SECRET
    installed.unmount()


@pytest.mark.slow
@needs_loop
def test_the_whole_system_goes_once_a_boot(installed: Installed, tmp_path: Path) -> None:
    said: list[str] = []
    arguments, wiped = KernelArguments("console=ttyS0 talos.experimental.wipe=system"), tmp_path / "run/wiped"
    assert start._wiped(installed.completed(), arguments, said.append, wiped) is None
    assert said == [f"talos.experimental.wipe: the whole system on {installed.path} is wiped"]
    assert installed.found() is None and installed.secrets() == 0
    with OpenDisk(installed.path) as opened:
        assert not any(opened.read(0, 1 << 20)) and not any(opened.read(opened.size - (1 << 20), 1 << 20))
    disk = SystemDisk(Path("/dev/nothing"), Table(uuid.uuid4(), 1 << 20))
    assert start._wiped(disk, arguments, said.append, wiped) is disk  # the zygote was started again
    assert len(said) == 1


@pytest.mark.slow
@needs_loop
def test_what_is_not_there_wipes_nothing(installed: Installed, tmp_path: Path) -> None:
    found = installed.found()
    assert found is not None and [part.name for part in found.table.partitions[3:]] == ["EPHEMERAL"]
    without = SystemDisk(found.path, replace(found.table, partitions=found.table.partitions[:3]))
    said: list[str] = []
    value = KernelArguments("talos.experimental.wipe=system:STATE,EPHEMERAL")
    assert start._wiped(without, value, said.append, tmp_path / "wiped") is without
    assert f"{installed.path} has no EPHEMERAL; a volume on another disk is wiped by `talosctl reset`" in said[0]
    assert installed.secrets() == 2
