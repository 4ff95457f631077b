"""QEMU's command line for one machine, as a pure function, and whether KVM can be used."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PROGRAM = "qemu-system-x86_64"
FIRMWARE = Path("/usr/share/OVMF")
FIRMWARE_CODE, FIRMWARE_CODE_SECURE = FIRMWARE / "OVMF_CODE_4M.fd", FIRMWARE / "OVMF_CODE_4M.secboot.fd"
FIRMWARE_VARIABLES = FIRMWARE / "OVMF_VARS_4M.fd"
EMULATED_CPU = "qemu64,+ssse3,+sse4.1,+sse4.2,+popcnt,+aes,+pclmulqdq"
"""x86-64-v2 (what images of distributions ask for) and AES. Not "max": for what wide vectors and fast string moves save
a processor, the emulator runs a C function an instruction; a machine starts in three quarters of the time without."""
EMULATION = ("-accel", "tcg,thread=multi", "-cpu", EMULATED_CPU)
HARDWARE = ("-accel", "kvm", "-cpu", "host")
PROBE_TIMEOUT_S = 8.0


DRIVERS = {
    "virtio": ("virtio-blk-pci", "/dev/vda"),
    "nvme": ("nvme", "/dev/nvme0n1"),
    "scsi": ("scsi-hd", "/dev/sda"),  # below virtio-scsi
    "ahci": ("ide-hd", "/dev/sda"),
}
"""how a disk hangs on the machine → QEMU's device, and what the machine's first disk of that kind is called"""
SECTORS_CHOSEN = ("virtio", "nvme", "scsi")
"""QEMU's IDE disks have sectors of 512 bytes and no others"""


@dataclass(frozen=True)
class Disk:
    """An image file as a disk. driver: one of DRIVERS."""

    path: Path
    driver: str = "virtio"
    serial: str = ""
    """"": made up of its place"""
    sector: int = 512
    """bytes of its logical and physical sectors; DRIVERS that have others than 512 are SECTORS_CHOSEN"""


@dataclass(frozen=True)
class Machine:
    """One virtual machine. Sizes in MiB."""

    console: Path
    accelerator: tuple[str, ...] = EMULATION
    cpus: int = 2
    memory: int = 2048
    networks: tuple[str, ...] = ()
    """values of -netdev, each with id=netN"""
    macs: tuple[str, ...] = ()
    disks: tuple[Disk, ...] = ()
    iso: Path | None = None
    usb: Path | None = None
    """image of a stick that the machine may start from"""
    kernel: Path | None = None
    """that QEMU itself starts: a Linux kernel, or a unified kernel image (`initramfs` is in it, and UEFI is needed)"""
    unified: bool = False
    initramfs: Path | None = None
    arguments: str = ""
    """of the kernel: all of them with a Linux kernel, otherwise those that the stub appends to its own"""
    variables: Path | None = None
    """UEFI variables of this machine; None: no firmware but QEMU's own loader"""
    firmware: Path | None = None
    """UEFI code that goes with `variables`; None: the package ovmf's"""
    secure_boot: bool = False
    network_boot: bool = False
    """after the disks: the firmware asks the first network card"""
    clock: str = ""
    """what the machine's clock shows when it is switched on, as -rtc has it; "": this host's time"""
    uuid: str = ""
    """as the firmware tells it; "": none"""
    iommu: bool = False
    """Intel's (VT-d), which PCI devices are behind"""
    restart: bool = False
    """whether the machine may restart itself; otherwise QEMU ends"""
    append: bool = False
    """keep what the console has shown before"""


def command(machine: Machine) -> list[str]:
    """Words to execute."""
    board = "q35,smm=on" if machine.secure_boot else "q35"
    if machine.iommu:  # interrupts are remapped where the kernel's KVM does not answer for the I/O APIC itself
        board += ",kernel-irqchip=split"
    words = [
        PROGRAM, "-M", board, *machine.accelerator,
        "-smp", str(machine.cpus), "-m", str(machine.memory),
        # In front of the devices that are to be behind it.
        *(("-device", "intel-iommu,intremap=on,device-iotlb=on") if machine.iommu else ()),
        "-display", "none", "-monitor", "none", "-nodefaults", "-vga", "none",
        *_serial(machine),
        "-device", "virtio-rng-pci",
        # Hardware of its own that restarts the machine when the kernel stands still.
        "-device", "i6300esb", "-action", "watchdog=reset",
    ]  # fmt: skip
    if machine.uuid:
        words += ["-uuid", machine.uuid]
    if not machine.restart:
        words.append("-no-reboot")
    for number, network in enumerate(machine.networks):
        mac = f",mac={machine.macs[number]}" if number < len(machine.macs) else ""
        if machine.network_boot and number == 0:
            mac += _place(machine, len(machine.disks))
        words += ["-netdev", network, "-device", f"virtio-net-pci,netdev=net{number}{mac}"]
    if any(disk.driver == "scsi" for disk in machine.disks):
        words += ["-device", "virtio-scsi-pci"]
    for number, disk in enumerate(machine.disks):
        device, _ = DRIVERS[disk.driver]
        words += ["-drive", f"if=none,id=disk{number},format=raw,discard=unmap,file={disk.path}"]
        told = f"{device},drive=disk{number}{_place(machine, number)},serial={disk.serial or f'disk{number}'}"
        if disk.sector != Disk.sector:
            told += f",logical_block_size={disk.sector},physical_block_size={disk.sector}"
        words += ["-device", told]
    if machine.iso is not None:
        words += ["-drive", f"if=none,id=cd,media=cdrom,readonly=on,format=raw,file={machine.iso}"]
        # Beside the network or a stick, it is there to be installed from.
        beside = machine.network_boot or machine.usb is not None
        words += ["-device", f"ide-cd,drive=cd{'' if beside else _place(machine, len(machine.disks))}"]
    if machine.usb is not None:
        words += ["-drive", f"if=none,id=stick,readonly=on,format=raw,file={machine.usb}"]
        place = _place(machine, len(machine.disks))
        words += ["-device", "qemu-xhci,id=usb", "-device", f"usb-storage,bus=usb.0,drive=stick,removable=on{place}"]
    if machine.variables is not None:
        code = machine.firmware or (FIRMWARE_CODE_SECURE if machine.secure_boot else FIRMWARE_CODE)
        words += ["-drive", f"if=pflash,format=raw,unit=0,readonly=on,file={code}"]
        words += ["-drive", f"if=pflash,format=raw,unit=1,file={machine.variables}"]
        if machine.secure_boot:
            words += ["-global", "driver=cfi.pflash01,property=secure,value=on"]
    if machine.clock:
        words += ["-rtc", f"base={machine.clock}"]
    if machine.kernel is not None:
        words += ["-kernel", str(machine.kernel)]
        if machine.initramfs is not None:
            words += ["-initrd", str(machine.initramfs)]
    if machine.kernel is not None and not machine.unified:
        words += ["-append", machine.arguments]
    elif machine.arguments:
        # What systemd-stub takes from a hypervisor (systemd-stub(7)); not under Secure Boot. A comma would end it.
        told = machine.arguments.replace(",", ",,")
        words += ["-smbios", f"type=11,value=io.systemd.stub.kernel-cmdline-extra={told}"]
    return words


def _place(machine: Machine, number: int) -> str:
    """Of a device in the firmware's order. What QEMU loads itself has the first place, and takes number 0."""
    return "" if machine.kernel is not None else f",bootindex={number}"


def _serial(machine: Machine) -> list[str]:
    if machine.append:
        return ["-chardev", f"file,id=console,path={machine.console},append=on", "-serial", "chardev:console"]
    return ["-serial", f"file:{machine.console}"]


def new_variables(path: Path, template: Path = FIRMWARE_VARIABLES) -> Path:
    """UEFI variables of a machine that was never switched on."""
    shutil.copyfile(template, path)
    return path


@cache
def accelerator(kernel: Path) -> tuple[str, ...]:
    """KVM where this kernel starts with it, emulation elsewhere.

    That /dev/kvm opens says little: inside other virtual machines it may exist, accept a guest, and fail at the first
    instruction that it has to emulate. So the kernel is started once without anything else; it panics at once."""
    if not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return EMULATION
    with tempfile.TemporaryDirectory(prefix="talos-kvm-") as folder:
        console = Path(folder, "console")
        probe = Machine(console, HARDWARE, 1, 512, kernel=kernel, arguments="console=ttyS0 panic=-1")
        try:
            subprocess.run(command(probe), capture_output=True, timeout=PROBE_TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired:
            return EMULATION
        said = console.read_text(errors="replace") if console.exists() else ""
    return HARDWARE if "Kernel panic" in said else EMULATION
