"""A virtual machine that boots our artefacts: kernel and initramfs, or a disk or an ISO through UEFI.

The network is QEMU's own (user mode): the machine is 10.0.2.15 and its API is reached on a port of the loopback
device. Where there is no KVM everything is emulated, and the host may be busy: waits are generous.
"""
from __future__ import annotations

import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType

from talos.provision import qemu

from . import write_log

ROOT = Path(__file__).resolve().parents[2]
BOOT = ROOT / "_out/boot"
NODE = "10.0.2.15"
ADDRESS = f"ip={NODE}::10.0.2.2:255.255.255.0::eth0:off"
TALOSCTL = ROOT / ".venv/bin/talosctl"
BOOT_TIMEOUT_S = 600.0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def run(*arguments: str, timeout_s: float = 120) -> subprocess.CompletedProcess[str]:
    """talosctl; a call that takes too long, emulated on a busy host, has failed like any other."""
    try:
        return subprocess.run([TALOSCTL, *arguments], capture_output=True, text=True, timeout=timeout_s, check=False)
    except subprocess.TimeoutExpired as slow:
        return subprocess.CompletedProcess(slow.cmd, 1, "", str(slow))


class Machine:
    """One machine; leaving the context switches it off. `folder` gets console and firmware variables. arguments: of the
    kernel, beside the address. log: gets every write to the disk. sector: bytes, of every disk."""

    def __init__(
        self,
        folder: Path,
        *,
        kernel: tuple[Path, Path, str] | None = None,
        disk: Path | None = None,
        others: tuple[Path, ...] = (),
        driver: str = "virtio",
        iso: Path | None = None,
        memory_mib: int = 2048,
        arguments: str = "",
        secure: bool = False,
        restart: bool = False,
        uuid: str = "",
        log: Path | None = None,
        sector: int = 512,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.console_file, self.port = folder, folder / "console.log", free_port()
        variables = None
        if kernel is None:
            variables = folder / "vars.fd"
            if not variables.exists():
                qemu.new_variables(variables)
        accelerator = qemu.accelerator(BOOT / "cloud-amd64-kernel")
        # A host so busy that an emulated timer interrupt comes late lets the kernel give up on its timer (MP-BIOS bug).
        early = " no_timer_check" if accelerator == qemu.EMULATION else ""
        arguments = f"{ADDRESS}{early} {arguments}".rstrip()
        spec = qemu.Machine(
            self.console_file,
            accelerator=accelerator,
            memory=memory_mib,
            networks=(f"user,id=net0,hostfwd=tcp:127.0.0.1:{self.port}-:50000",),
            disks=tuple(qemu.Disk(path, driver, sector=sector) for path in ((disk, *others) if disk else ())),
            iso=iso,
            kernel=kernel[0] if kernel else None,
            initramfs=kernel[1] if kernel else None,
            arguments=f"{kernel[2]} {arguments}" if kernel else arguments,
            variables=variables,
            secure_boot=secure,
            restart=restart,
            uuid=uuid,
        )
        self._command = qemu.command(spec)
        if log is not None and disk is not None:
            self._command = write_log.options(self._command, disk, log)

    def __enter__(self) -> Machine:
        self.console_file.unlink(missing_ok=True)  # of an earlier start from the same folder
        with (self.folder / "qemu.log").open("wb") as log:
            self.process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.began = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()

    @property
    def console(self) -> str:
        return self.console_file.read_text(errors="replace") if self.console_file.exists() else ""

    def wait_console(self, text: str, timeout_s: float = BOOT_TIMEOUT_S) -> None:
        """Until the console shows this; AssertionError with its end when it does not, or the machine went off."""
        end = time.monotonic() + timeout_s
        while text not in self.console:
            running = self.process.poll() is None
            assert running and time.monotonic() < end, f"the console never said {text!r}: …{self.console[-3000:]}"
            time.sleep(0.5)

    def wait_off(self, timeout_s: float = BOOT_TIMEOUT_S) -> None:
        """Until the machine is off, or restarts (-no-reboot)."""
        try:
            self.process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"the machine is still on: …{self.console[-3000:]}") from None

    def talosctl(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """As a stranger, whom a machine in maintenance mode passes to no other node."""
        address = f"127.0.0.1:{self.port}"
        return run(*arguments, "-n", address, "-e", address)

    def wait_api(self, timeout_s: float = BOOT_TIMEOUT_S) -> float:
        """Seconds from power on until `talosctl version --insecure` is answered."""
        end = time.monotonic() + timeout_s
        while True:
            done = self.talosctl("version", "--insecure")
            if done.returncode == 0 and "Server:" in done.stdout:
                return time.monotonic() - self.began
            running = self.process.poll() is None
            assert running and time.monotonic() < end, f"no answer ({done.stderr}): …{self.console[-3000:]}"
            time.sleep(0.5)
