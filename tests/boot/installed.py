"""A disk that our own installer wrote: the ISO in a drive, an empty disk, and a person with talosctl."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .machine import BOOT_TIMEOUT_S, NODE, TALOSCTL, Machine, run

DISK_BYTES = 10 << 30
ESP_START = 1 << 20


@dataclass(frozen=True)
class Installed:
    """What an installation left; the machine is off. configs: folder of `talosctl gen config`."""

    disk: Path
    configs: Path
    console: str

    def copy(self, folder: Path) -> Path:
        """A disk of a test's own."""
        return copy(self.disk, folder)

    def talosctl(self, machine: Machine, *words: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
        """As its administrator: through the port of this host, and by the machine's own address, as a node is named."""
        where = ("-n", NODE, "-e", f"127.0.0.1:{machine.port}")
        return run("--talosconfig", str(self.configs / "talosconfig"), *where, *words, timeout_s=timeout_s)

    def until(self, machine: Machine, *words: str, timeout_s: float = BOOT_TIMEOUT_S) -> str:
        """The answer of a command that is repeated until it works."""
        done: list[subprocess.CompletedProcess[str]] = []

        def works() -> bool:
            done[:] = [self.talosctl(machine, *words)]
            return done[0].returncode == 0

        wait(machine, works, f"talosctl {' '.join(words)}", timeout_s)
        return done[0].stdout

    def attempts(self, machine: Machine) -> list[dict[str, Any]]:
        """What the machine remembers of upgrades, oldest first; nothing while it does not answer."""
        done = self.talosctl(machine, "get", "upgradehistory", "-o", "json")
        return [spec["spec"] for spec in documents(done.stdout)] if done.returncode == 0 else []


def documents(text: str) -> list[dict[str, Any]]:
    """Several JSON documents, one behind the other."""
    found, at = [], 0
    while (at := len(text) - len(text[at:].lstrip())) < len(text):
        document, at = json.JSONDecoder().raw_decode(text, at)
        found.append(document)
    return found


def copy(raw: Path, folder: Path) -> Path:
    """A disk of a machine's own, with room for all partitions; the image is sparse and stays so."""
    folder.mkdir(parents=True, exist_ok=True)
    disk = folder / "disk.raw"
    subprocess.run(["cp", "--sparse=always", raw, disk], check=True)
    with disk.open("r+b") as file:
        file.truncate(DISK_BYTES)
    return disk


def entries(disk: Path) -> list[str]:
    """File names in EFI/Linux of the boot partition."""
    command = ["mdir", "-b", "-i", f"{disk}@@{ESP_START}", "::/EFI/Linux"]
    shown = subprocess.run(command, check=True, capture_output=True, text=True)
    return sorted(line.rsplit("/", 1)[-1] for line in shown.stdout.split())


def partitions(disk: Path) -> list[str]:
    """Names, in order."""
    shown = subprocess.run(["/usr/sbin/sfdisk", "--json", disk], check=True, capture_output=True, text=True)
    return [partition["name"] for partition in json.loads(shown.stdout)["partitiontable"]["partitions"]]


def wait(machine: Machine, holds: Callable[[], object], what: str, timeout_s: float = BOOT_TIMEOUT_S) -> None:
    """Until it holds; AssertionError with the end of the console when it does not."""
    end = time.monotonic() + timeout_s
    while not holds():
        running = machine.process.poll() is None
        assert running and time.monotonic() < end, f"not so: {what}: …{machine.console[-3000:]}"
        time.sleep(1)


def wait_armed(machine: Machine, disk: Path) -> None:
    """Until the boot is confirmed, which gives the slot its boots back."""
    wait(machine, lambda: all(name.endswith("+3.efi") for name in entries(disk)), "the boot is confirmed")


def configure(folder: Path, disk: str) -> None:
    """Configurations of a control plane node that is installed to `disk`."""
    command = [TALOSCTL, "gen", "config", "boot", "https://10.0.2.15:6443", "-o", folder, "--force"]
    subprocess.run([*command, "--install-disk", disk], capture_output=True, text=True, check=True)


def install(iso: Path, folder: Path, log: Path | None = None, sector: int = 512) -> Installed:
    """ISO → maintenance mode → apply-config --insecure → reboot → the configured machine answers its administrator."""
    folder.mkdir(exist_ok=True)
    disk, configs = folder / "disk.raw", folder / "configs"
    with disk.open("wb") as file:
        file.truncate(DISK_BYTES)
    with Machine(folder, disk=disk, iso=iso, restart=True, log=log, sector=sector) as machine:
        machine.wait_api()
        configure(configs, "/dev/vdz")
        apply = ("apply-config", "--insecure", "-f", str(configs / "controlplane.yaml"))
        refused = machine.talosctl(*apply)
        assert refused.returncode != 0
        assert "/dev/vda" in refused.stderr  # what this machine has
        configure(configs, "/dev/vda")
        applied = machine.talosctl(*apply)
        assert applied.returncode == 0, applied.stderr
        made = Installed(disk, configs, "")
        machine.wait_console("system disk /dev/vda", 2 * BOOT_TIMEOUT_S)
        made.until(machine, "version")
        wait_armed(machine, disk)
        made.until(machine, "shutdown", "--force", "--wait=false")
        machine.wait_off()
        return Installed(disk, configs, machine.console)
