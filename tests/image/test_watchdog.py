"""What PID 1 writes to watchdogs, and when. Real devices restart a machine: tests/boot/test_watchdog.py."""

from __future__ import annotations

import os
import pty
import subprocess
import tty
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType

import pytest

CHECKOUT = Path(__file__).parents[2]
FED, DISARMED = b"\0", b"V"
ENOENT, EINVAL, ENOTTY, EBUSY = 2, 22, 25, 16


class Device:
    """A character device whose writer is heard."""

    def __init__(self) -> None:
        self._heard, self._kept = pty.openpty()
        tty.setraw(self._kept)
        os.set_blocking(self._heard, False)
        self.path = os.ttyname(self._kept)

    @property
    def written(self) -> bytes:
        try:
            return os.read(self._heard, 4096)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        os.close(self._heard)
        os.close(self._kept)


class Keeper:
    """The program, a line in and a line out."""

    def __init__(self, program: Path, folder: Path, **variables: str) -> None:
        self._process = subprocess.Popen(
            [program, folder / "answer"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
            env=variables,
        )  # fmt: skip

    def __enter__(self) -> Keeper:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.communicate()

    def __call__(self, line: str) -> str:
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write(f"{line}\n")
        return self._process.stdout.readline().rstrip()


Keep = Callable[..., Keeper]


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made, source = tmp_path_factory.mktemp("watchdog") / "watchdog", CHECKOUT / "os/init"
    files = [source / "watchdog.c", Path(__file__).with_name("watchdog.c")]
    subprocess.run(["gcc", "-Wall", "-Werror", "-Wl,--wrap=ioctl", f"-I{source}", "-o", made, *files], check=True)
    return made


@pytest.fixture
def keep(program: Path, tmp_path: Path) -> Keep:
    return lambda **variables: Keeper(program, tmp_path, **variables)


@pytest.fixture
def own() -> Iterator[Device]:
    device = Device()
    yield device
    device.close()


@pytest.fixture
def other() -> Iterator[Device]:
    device = Device()
    yield device
    device.close()


def test_the_machines_own_is_fed_three_times_a_minute(keep: Keep, own: Device) -> None:
    with keep() as keeper:
        assert keeper("feed 0") == "-1"
        assert keeper(f"take {own.path}") == "taken"
        assert (keeper("feed 1000"), own.written) == ("20000", FED)
        assert (keeper("feed 20999"), own.written) == ("1", b"")
        assert (keeper("feed 21000"), own.written) == ("20000", FED)
    assert own.written == b""  # its end alone disarms nothing


def test_its_timeout_is_set_and_comes_back(keep: Keep, own: Device) -> None:
    with keep() as keeper:
        keeper(f"take {own.path}")
        assert (keeper(f"set 7 {own.path} 30"), own.written) == ("7 0 30 10000", FED)
        assert keeper("feed 9000") == "1000"
        assert keeper(f"set 8 {own.path} 101") == f"8 {EINVAL} 0 0"
        assert keeper("feed 9500") == "500"  # as before
        assert keeper("set 9") == "9 0 0 0"
        assert own.written == FED
        assert keeper("feed 9500") == "20000"


def test_another_is_fed_beside_it_and_disarmed(keep: Keep, own: Device, other: Device) -> None:
    with keep() as keeper:
        keeper(f"take {own.path}")
        assert keeper(f"set 1 {other.path} 15") == "1 0 15 5000"
        assert (own.written, other.written) == (FED, FED)
        assert (keeper("feed 5000"), own.written, other.written) == ("5000", b"", FED)
        assert keeper(f"set 2 {other.path} 30") == "2 0 30 10000"
        assert other.written == FED  # no disarming in between
        assert keeper("set 3") == "3 0 0 0"
        assert (own.written, other.written) == (b"", DISARMED)
        assert keeper("feed 90000") == "20000"
        assert (own.written, other.written) == (FED, b"")


def test_a_device_in_place_of_another(keep: Keep, own: Device, other: Device) -> None:
    """Neither is the machine's own."""
    with keep() as keeper:
        assert keeper(f"set 1 {own.path} 15") == "1 0 15 5000"
        assert keeper(f"set 2 {other.path} 15") == "2 0 15 5000"
        assert (own.written, other.written) == (FED + DISARMED, FED)


def test_one_that_cannot_be_disarmed_is_fed_further(keep: Keep, own: Device, other: Device) -> None:
    with keep(NOWAYOUT="1") as keeper:
        keeper(f"set 1 {own.path} 15")
        assert "cannot be disarmed" in keeper("set 2")
        assert keeper("") == "2 0 0 0"
        assert own.written == FED
        assert (keeper("feed 5000"), own.written) == ("5000", FED)
        assert "cannot be disarmed" in keeper(f"set 3 {other.path} 15")
        assert keeper("") == f"3 {EBUSY} 0 0"
        assert other.written == b""


def test_a_device_that_knows_one_timeout_keeps_it(keep: Keep, other: Device) -> None:
    with keep(FIXED="24") as keeper:
        assert keeper(f"set 1 {other.path} 60") == "1 0 24 8000"


def test_what_is_refused_is_named_and_left_alone(keep: Keep, other: Device, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with keep() as keeper:
        assert keeper("set 1 /dev/nothing 10") == f"1 {ENOENT} 0 0"
        assert keeper(f"set 2 {tmp_path}/file 10") == f"2 {ENOTTY} 0 0"
        assert keeper(f"set 3 {other.path} 0") == f"3 {EINVAL} 0 0"
        assert keeper(f"set 4 {other.path} 9999999999") == f"4 {EINVAL} 0 0"
        assert keeper(f"set 5 {other.path}") == f"5 {EINVAL} 0 0"
        assert keeper("set ") == f"- {EINVAL} 0 0"
        assert other.written == b""
        assert (keeper(f"set 6 {other.path} 101"), other.written) == (f"6 {EINVAL} 0 0", DISARMED)
    assert (tmp_path / "file").read_bytes() == b""
