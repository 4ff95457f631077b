"""A node that is a virtual machine: its disks, its QEMU, and its monitor.

The monitor starts QEMU once and reports how it ends. Reboots are the firmware's, boot counting is systemd-boot's, so
there is nothing between two boots for the monitor to do, unless QEMU itself loads the kernel: it would do so at every
reboot, so it ends at each and is started again, without that kernel when the disk has a system. QEMU ends with its
monitor, whatever ends that: a machine that nobody could find again would keep its memory and its disks.
"""

from __future__ import annotations

import itertools
import math
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from talos.linux.namespace import PR_SET_PDEATHSIG, prctl
from talos.provision import network, qemu, qmp, seed, tpm
from talos.provision.model import (
    ClusterDirectory,
    ClusterModel,
    NodeDirectory,
    NodeModel,
    ProvisionError,
    write_atomic,
)
from talos.provision.monitor import report

ARCHITECTURE = "amd64"
FLAVOUR = f"cloud-{ARCHITECTURE}"
PRESETS = ("iso", "iso-secureboot", "disk-image", "usb", "uki", "kernel", "pxe", "maintenance")
ISO, ISO_SECURE_BOOT, DISK_IMAGE, USB, UKI, KERNEL, PXE, MAINTENANCE = PRESETS
DIRECT = (UKI, KERNEL)
"""QEMU itself starts these"""
SMALLEST_DISK = 5 << 30
EMULATED_FACTOR = 3.0
"""how much longer than usual everything may take under emulation"""
BAD_CLOCK = "2011-11-11T11:11:00"
"""what a machine shows whose clock is wrong: before anything here was made, and before any of its certificates"""
# A host so busy that an emulated timer interrupt comes late lets the kernel give up on its timer (MP-BIOS bug); and a
# system that is well must not be left because everything takes longer.
_EMULATED_ARGUMENTS = (
    f"no_timer_check talos.boot.trial={300 * EMULATED_FACTOR:g} talos.boot.deadline={900 * EMULATED_FACTOR:g}"
)


@dataclass(frozen=True, slots=True)
class Artefacts:
    """Files of a folder that `make artefacts` filled."""

    folder: Path
    start: Path | None = None
    """file to start from in place of the folder's own"""
    secure_boot: bool = False
    """those that are signed"""
    own_initramfs: Path | None = None
    """that goes with a kernel to start from"""

    @property
    def _stem(self) -> str:
        return f"{FLAVOUR}-secureboot" if self.secure_boot else FLAVOUR

    @property
    def kernel(self) -> Path:
        return self.folder / f"{self._stem}-kernel"

    @property
    def initramfs(self) -> Path:
        return self.own_initramfs or self.folder / f"{self._stem}-initramfs"

    @property
    def command_line(self) -> Path:
        return self.folder / f"{self._stem}-cmdline"

    @property
    def disk(self) -> Path:
        return self.start or self.folder / f"{self._stem}.raw"

    @property
    def iso(self) -> Path:
        return self.start or self.medium

    @property
    def medium(self) -> Path:
        """What machines install that came from elsewhere."""
        return self.folder / f"{self._stem}.iso"

    def image(self, preset: str) -> Path:
        """What the machines of a preset start from."""
        if preset == DISK_IMAGE:
            return self.disk
        if preset in (KERNEL, PXE):
            return self.start or self.kernel
        return (self.start or self.folder / f"{self._stem}-uki.efi") if preset == UKI else self.iso

    def needed(self, preset: str) -> tuple[Path, ...]:
        """Files of which a cluster of that preset is made."""
        found = [self.kernel, self.image(preset)]
        if preset in (KERNEL, PXE):
            found += [self.initramfs, self.command_line]
        return tuple(dict.fromkeys([*found, self.medium] if preset in (*DIRECT, PXE) else found))


def artefacts(
    given: str | None, repository: Path, start: str = "", *, secure_boot: bool = False, initramfs: str = ""
) -> Artefacts:
    """The folder that was named, or the repository's own. Whether it holds them is preflight's to say."""
    folder = Path(given).resolve() if given else repository / "_out" / "boot"
    own, beside = (Path(text).resolve() if text else None for text in (start, initramfs))
    return Artefacts(folder, own, secure_boot, beside)


def preset(names: list[str]) -> tuple[str, bool]:
    """What the machines start from, and whether they stay in maintenance mode. ProvisionError."""
    if unknown := [name for name in names if name not in PRESETS]:
        raise ProvisionError(f"--presets {unknown[0]}: choose from {', '.join(PRESETS)}")
    start = [name for name in names if name != MAINTENANCE]
    if len(start) > 1:
        raise ProvisionError(f"--presets {','.join(names)}: a machine starts from one of {' and '.join(start)}")
    return (start or [ISO])[0], MAINTENANCE in names


def accelerator(model: ClusterModel) -> tuple[str, ...]:
    return qemu.EMULATION if model.emulated else qemu.HARDWARE


def make_disks(model: ClusterModel, node: NodeModel, files: NodeDirectory) -> None:
    """System disk (empty where the machine installs itself from the ISO), further disks, firmware variables. Sparse."""
    for number, size in enumerate(model.disks[: model.disk_count(node)]):
        disk = files.disk(number)
        if number == 0 and model.preset == DISK_IMAGE:
            subprocess.run(["cp", "--sparse=always", model.image, str(disk)], check=True)
            disk.chmod(0o600)
        fd = os.open(disk, os.O_WRONLY | os.O_CREAT, 0o600)
        os.truncate(fd, size)
        os.close(fd)
    if model.uefi:
        template = Path(model.firmware[1]) if model.firmware else qemu.FIRMWARE_VARIABLES
        qemu.new_variables(files.firmware_variables, template)


def _sector(model: ClusterModel, number: int) -> int:
    """Bytes of a sector of one disk."""
    return model.disk_sector if model.disk_driver(number) in qemu.SECTORS_CHOSEN else qemu.Disk.sector


def prepare(directory: ClusterDirectory, model: ClusterModel, node: NodeModel, user_data: str | None) -> None:
    """Everything that a machine finds when it is switched on. ProvisionError, OSError."""
    files = directory.node(node.name)
    make_disks(model, node, files)
    if model.config_method == seed.HTTP:
        write_atomic(files.user_data, user_data or "")
    elif model.config_method == seed.METAL_ISO:
        seed.write(files.seed, {seed.METAL_FILE: user_data or ""}, seed.METAL_LABEL)
    else:
        seed.write(files.seed, seed.files(directory, model, node, user_data))


def arguments(directory: ClusterDirectory, model: ClusterModel, node: NodeModel) -> str:
    """Of the kernel, beside those of the artefact. Pure."""
    found = [seed.arguments(directory, model, node)]
    if model.emulated:
        found.append(_EMULATED_ARGUMENTS)
    return " ".join([*found, *([model.kernel_arguments] if model.kernel_arguments else [])])


def bootable(disk: Path) -> bool:
    """Whether there is a partition table on it (GPT, UEFI specification 5.3.2), behind a first sector of any size."""
    with disk.open("rb") as file:
        return any(os.pread(file.fileno(), 8, sector) == b"EFI PART" for sector in (512, 4096))


def specification(directory: ClusterDirectory, model: ClusterModel, node: NodeModel, tap: int) -> qemu.Machine:
    """The machine as QEMU is told; tap: descriptor of its network card's other end."""
    files = directory.node(node.name)
    told = arguments(directory, model, node)
    direct = model.preset in DIRECT and not (model.bootloader and bootable(files.disk(0)))
    kernel = Path(model.image) if direct else None
    if model.preset == KERNEL and direct:
        told = f"{model.command_line} {told}"
    disks = [
        qemu.Disk(files.disk(n), model.disk_driver(n), model.disk_serial(n), _sector(model, n))
        for n in range(model.disk_count(node))
    ]
    if model.config_method != seed.HTTP:
        disks.append(qemu.Disk(files.seed))
    return qemu.Machine(
        files.console,
        accelerator=accelerator(model),
        cpus=max(1, math.ceil(node.cpus)),
        memory=node.memory >> 20,
        networks=(f"tap,id=net0,fd={tap}",),
        macs=(directory.hardware_address(node),),
        disks=tuple(disks),
        iso=Path(model.medium or model.image) if model.medium or model.preset in (ISO, ISO_SECURE_BOOT) else None,
        usb=Path(model.image) if model.preset == USB else None,
        kernel=kernel,
        unified=model.preset == UKI,
        initramfs=Path(model.initramfs) if model.preset == KERNEL and direct else None,
        arguments=told,
        variables=files.firmware_variables if model.uefi else None,
        firmware=Path(model.firmware[0]) if model.firmware else None,
        secure_boot=model.preset == ISO_SECURE_BOOT,
        network_boot=model.preset == PXE,
        clock=BAD_CLOCK if model.bad_rtc else "",
        uuid=directory.machine_id(node),
        iommu=model.iommu,
        restart=model.preset not in DIRECT,
        append=model.preset in DIRECT,
    )


def run(directory: ClusterDirectory, model: ClusterModel, node: NodeModel) -> int:
    """The monitor's whole work: until the machine is off. Returns its exit status."""
    files = directory.node(node.name)
    processes: list[subprocess.Popen[bytes]] = []
    told = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal told
        told = True
        for process in processes:
            process.terminate()

    signal.signal(signal.SIGTERM, stop)
    for boots in itertools.count(1):
        events = qmp.Monitor() if model.preset in DIRECT else None
        process, chip = _switch_on(directory, model, node, events)
        processes[:] = [process]
        if told:  # between two starts
            process.terminate()
        report(files, "running", boots=boots, init_pid=process.pid)
        reason = events.reason() if events is not None else ""
        code = process.wait()
        if chip is not None:
            chip.process.kill()
            chip.process.wait()
        if reason == qmp.RESTART and not told:
            continue
        if told or code == 0:
            report(files, "stopped", 0, boots=boots, init_pid=process.pid)
            return 0
        report(files, "crashed", code, boots=boots, init_pid=process.pid)
        print(f"QEMU ended with status {code}", flush=True)
        return 1
    raise AssertionError("unreachable")


def _switch_on(
    directory: ClusterDirectory, model: ClusterModel, node: NodeModel, events: qmp.Monitor | None
) -> tuple[subprocess.Popen[bytes], tpm.Chip | None]:
    tap = network.tap(directory, model, node)
    command, inherited = qemu.command(specification(directory, model, node, tap)), [tap]
    chip = tpm.start(directory.node(node.name).tpm, model.tpm_version) if model.tpm else None
    if chip is not None:
        command += chip.words
        inherited.append(chip.descriptor)
    if events is not None:
        command += events.words
        inherited.append(events.descriptor)
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        pass_fds=inherited,
        preexec_fn=lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL),
    )
    for descriptor in inherited:
        os.close(descriptor)
    return process, chip
