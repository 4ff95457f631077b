"""A node that is a virtual machine: its disks, its QEMU, and its monitor.

The monitor starts QEMU once and reports how it ends. Reboots are the firmware's, boot counting is systemd-boot's, so
there is nothing between two boots for the monitor to do. QEMU ends with its monitor, whatever ends that: a machine that
nobody could find again would keep its memory and its disks.
"""

from __future__ import annotations

import math
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from talos.linux.namespace import PR_SET_PDEATHSIG, prctl
from talos.provision import network, qemu, seed, tpm
from talos.provision.model import ClusterDirectory, ClusterModel, NodeDirectory, NodeModel, ProvisionError
from talos.provision.monitor import report

FLAVOUR = "cloud-amd64"
PRESETS = ("iso", "iso-secureboot", "disk-image", "maintenance")
ISO, ISO_SECURE_BOOT, DISK_IMAGE, MAINTENANCE = PRESETS
SMALLEST_DISK = 5 << 30
EMULATED_FACTOR = 3.0
"""how much longer than usual everything may take under emulation"""
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
    """file to start from in place of the folder's own ISO or disk image"""
    secure_boot: bool = False
    """those that are signed"""

    @property
    def _stem(self) -> str:
        return f"{FLAVOUR}-secureboot" if self.secure_boot else FLAVOUR

    @property
    def kernel(self) -> Path:
        return self.folder / f"{self._stem}-kernel"

    @property
    def disk(self) -> Path:
        return self.start or self.folder / f"{self._stem}.raw"

    @property
    def iso(self) -> Path:
        return self.start or self.folder / f"{self._stem}.iso"

    def image(self, preset: str) -> Path:
        """What the machines of a preset start from."""
        return self.disk if preset == DISK_IMAGE else self.iso

    def needed(self, preset: str) -> tuple[Path, ...]:
        """Files of which a cluster of that preset is made."""
        return (self.kernel, self.image(preset))


def artefacts(given: str | None, repository: Path, start: str = "", *, secure_boot: bool = False) -> Artefacts:
    """The folder that was named, or the repository's own. Whether it holds them is preflight's to say."""
    folder = Path(given).resolve() if given else repository / "_out" / "boot"
    return Artefacts(folder, Path(start).resolve() if start else None, secure_boot)


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
    qemu.new_variables(files.firmware_variables)


def _sector(model: ClusterModel, number: int) -> int:
    """Bytes of a sector of one disk."""
    return model.disk_sector if model.disk_driver(number) in qemu.SECTORS_CHOSEN else qemu.Disk.sector


def prepare(directory: ClusterDirectory, model: ClusterModel, node: NodeModel, user_data: str | None) -> None:
    """Everything that a machine finds when it is switched on. ProvisionError, OSError."""
    files = directory.node(node.name)
    make_disks(model, node, files)
    seed.write(files.seed, seed.files(directory, model, node, user_data))


def specification(directory: ClusterDirectory, model: ClusterModel, node: NodeModel, tap: int) -> qemu.Machine:
    """The machine as QEMU is told; tap: descriptor of its network card's other end. Pure."""
    files = directory.node(node.name)
    arguments = f"talos.platform={seed.PLATFORM}"
    if model.emulated:
        arguments += f" {_EMULATED_ARGUMENTS}"
    if model.kernel_arguments:
        arguments += f" {model.kernel_arguments}"
    return qemu.Machine(
        files.console,
        accelerator=accelerator(model),
        cpus=max(1, math.ceil(node.cpus)),
        memory=node.memory >> 20,
        networks=(f"tap,id=net0,fd={tap}",),
        macs=(directory.hardware_address(node),),
        disks=(
            *(
                qemu.Disk(files.disk(n), model.disk_driver(n), model.disk_serial(n), _sector(model, n))
                for n in range(model.disk_count(node))
            ),
            qemu.Disk(files.seed),
        ),
        iso=Path(model.image) if model.preset in (ISO, ISO_SECURE_BOOT) else None,
        arguments=arguments.replace(",", ",,"),  # a comma alone ends a value of QEMU's -smbios
        variables=files.firmware_variables,
        secure_boot=model.preset == ISO_SECURE_BOOT,
        uuid=directory.machine_id(node),
        iommu=model.iommu,
        restart=True,
    )


def run(directory: ClusterDirectory, model: ClusterModel, node: NodeModel) -> int:
    """The monitor's whole work: until the machine is off. Returns its exit status."""
    files = directory.node(node.name)
    tap = network.tap(directory, model, node)
    command, inherited = qemu.command(specification(directory, model, node, tap)), [tap]
    if model.tpm:
        chip = tpm.start(files.tpm)
        command += chip.words
        inherited.append(chip.descriptor)
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        pass_fds=inherited,
        preexec_fn=lambda: prctl(PR_SET_PDEATHSIG, signal.SIGKILL),
    )
    for descriptor in inherited:
        os.close(descriptor)
    told = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal told
        told = True
        process.terminate()

    signal.signal(signal.SIGTERM, stop)
    report(files, "running", boots=1, init_pid=process.pid)
    code = process.wait()
    if told or code == 0:
        report(files, "stopped", 0, boots=1, init_pid=process.pid)
        return 0
    report(files, "crashed", code, boots=1, init_pid=process.pid)
    print(f"QEMU ended with status {code}", flush=True)
    return 1
