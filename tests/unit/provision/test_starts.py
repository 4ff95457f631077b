"""Machines that start in another way than from an ISO: what QEMU is told, and what they are."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import struct
from pathlib import Path

import pytest

from talos.config import Config
from talos.kernel_arguments import KernelArguments
from talos.provision import companion, config_server, firmware, machine, monitors, network, qemu, seed, starts
from talos.provision.configs import ConfigOptions
from talos.provision.generate import generate
from talos.provision.model import WORKER, ClusterDirectory, ClusterModel, NodeModel, ProvisionError
from talos.provision.starts import Start

from .test_machine import _until, cluster


def pairs(words: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for flag, value in itertools.pairwise(words):
        found.setdefault(flag, []).append(value)
    return found


def made(
    tmp_path: Path, preset: str, start: Start | None = None, *, injected: bool = True
) -> tuple[ClusterDirectory, ClusterModel, NodeModel]:
    """A cluster of this machine's artefacts, whose disks are empty."""
    directory, model, node = cluster(tmp_path, preset)
    (tmp_path / "cloud-amd64-cmdline").write_text("panic=10 quiet\n")
    found = machine.artefacts(str(tmp_path), tmp_path)
    model.image = str(found.image(preset))
    starts.remember(model, start or Start(), found, injected=injected)
    with directory.node(node.name).disk(0).open("wb") as disk:
        disk.truncate(1 << 20)
    return directory, model, node


def told(directory: ClusterDirectory, model: ClusterModel, node: NodeModel) -> dict[str, list[str]]:
    return pairs(qemu.command(machine.specification(directory, model, node, 7)))


def install(directory: ClusterDirectory, node: NodeModel, sector: int = 512) -> None:
    with directory.node(node.name).disk(0).open("r+b") as disk:
        disk.seek(sector)
        disk.write(b"EFI PART")


def test_a_kernel_is_loaded_by_qemu_until_the_disk_has_a_system(tmp_path: Path) -> None:
    directory, model, node = made(tmp_path, machine.KERNEL)
    first = told(directory, model, node)
    assert first["-kernel"] == [str(tmp_path / "cloud-amd64-kernel")]
    assert first["-initrd"] == [str(tmp_path / "cloud-amd64-initramfs")]
    assert first["-append"][0].startswith("panic=10 quiet talos.platform=nocloud")
    assert "-smbios" not in first and "-no-reboot" in first
    assert not any("bootindex" in word for words in first.values() for word in words)
    assert any(f"media=cdrom,readonly=on,format=raw,file={tmp_path}/cloud-amd64.iso" in one for one in first["-drive"])
    assert any("append=on" in one for one in first["-chardev"])
    install(directory, node)
    then = told(directory, model, node)
    assert "-kernel" not in then and "-append" not in then
    assert any("drive=disk0,bootindex=0" in one for one in then["-device"])
    assert "kernel-cmdline-extra=talos.platform=nocloud" in then["-smbios"][0]
    model.bootloader = False
    assert "-kernel" in told(directory, model, node)


def test_a_disk_of_large_sectors_has_a_system_too(tmp_path: Path) -> None:
    directory, model, node = made(tmp_path, machine.KERNEL)
    install(directory, node, 4096)
    assert "-kernel" not in told(directory, model, node)


def test_a_unified_kernel_image_is_told_its_arguments_by_the_firmware(tmp_path: Path) -> None:
    directory, model, node = made(tmp_path, machine.UKI)
    words = told(directory, model, node)
    assert words["-kernel"] == [str(tmp_path / "cloud-amd64-uki.efi")]
    assert "-append" not in words and "-initrd" not in words
    assert "kernel-cmdline-extra=talos.platform=nocloud" in words["-smbios"][0]
    assert any("if=pflash" in one for one in words["-drive"])


def test_without_uefi_there_is_no_firmware_and_qemu_loads_the_kernel_each_time(tmp_path: Path) -> None:
    directory, model, node = made(tmp_path, machine.KERNEL, Start(uefi=False))
    install(directory, node)
    words = told(directory, model, node)
    assert "-kernel" in words and not any("pflash" in one for one in words["-drive"])
    machine.make_disks(model, node, directory.node(node.name))
    assert not directory.node(node.name).firmware_variables.exists()


def test_a_stick_comes_behind_the_disks(tmp_path: Path) -> None:
    directory, model, node = made(tmp_path, machine.USB)
    words = told(directory, model, node)
    (stick,) = [one for one in words["-device"] if "usb-storage" in one]
    assert stick.endswith("removable=on,bootindex=3")  # two disks and the seed
    assert "ide-cd,drive=cd" in words["-device"], "what a kernel without USB installs from, and nothing starts from"
    assert any(f"id=stick,readonly=on,format=raw,file={tmp_path}/cloud-amd64.iso" in one for one in words["-drive"])
    assert "-no-reboot" not in words


def test_the_network_comes_behind_the_disks_and_the_iso_is_only_there(tmp_path: Path) -> None:
    directory, model, node = made(tmp_path, machine.PXE)
    words = told(directory, model, node)
    (card,) = [one for one in words["-device"] if "virtio-net-pci" in one]
    (drive,) = [one for one in words["-device"] if "ide-cd" in one]
    assert card.endswith(",bootindex=3") and "bootindex" not in drive
    assert "-kernel" not in words and "-no-reboot" not in words


def test_a_clock_that_begins_wrong_and_who_sets_it(tmp_path: Path) -> None:
    directory, model, node = made(tmp_path, machine.ISO, Start(bad_rtc=True, config_method=seed.HTTP))
    assert told(directory, model, node)["-rtc"] == ["base=2011-11-11T11:11:00"]
    model.endpoint = "https://10.7.0.2:6443"
    config = Config.decode(generate(model, ConfigOptions()).by_role[WORKER])
    assert (config.network.time.enabled, config.network.time.servers) == (True, ("10.7.0.1",))
    assert ":off:10.7.0.1::10.7.0.1 " in machine.arguments(directory, model, node)
    (link,) = [one for one in config.network.links if one.name == "eth0"]
    assert link.mtu == model.mtu == 1450, "no seed says it"
    model.bad_rtc = False
    assert "-rtc" not in told(directory, model, node)
    assert not Config.decode(generate(model, ConfigOptions()).by_role[WORKER]).network.time.enabled


@pytest.mark.parametrize("method", seed.METHODS)
def test_what_a_machine_is_told_by_kernel_arguments(tmp_path: Path, method: str) -> None:
    from talos.controllers.network.kernel_network import parse
    from talos.resources.network import LinkStatusSpec

    directory, model, node = made(tmp_path, machine.ISO, Start(config_method=method))
    arguments = KernelArguments(machine.arguments(directory, model, node))
    assert arguments.last("talos.platform") == "metal"
    assert arguments.last("talos.config") == (config_server.url(model) if method == seed.HTTP else "metal-iso")
    address = directory.hardware_address(node)
    card = LinkStatusSpec(permanent_addr=address, hardware_addr=address)
    network = parse(arguments, (("other", LinkStatusSpec()), ("eth1", card)))
    assert network.errors == []
    assert [(one.link_name, one.address) for one in network.addresses] == [("eth1", "10.7.0.3/24")]
    assert [one.gateway for one in network.routes] == ["10.7.0.1"]
    assert network.hostname is not None and network.hostname.hostname == node.name
    model.second_subnet, model.second_gateway, node.second_address = "fd00:1::/64", "fd00:1::1", "fd00:1::3"
    network = parse(KernelArguments(machine.arguments(directory, model, node)), (("eth1", card),))
    assert network.errors == []
    assert [one.address for one in network.addresses] == ["10.7.0.3/24", "fd00:1::3/64"]
    assert [one.gateway for one in network.routes] == ["10.7.0.1", "fd00:1::1"]
    model.second_subnet = model.second_gateway = node.second_address = ""
    disks = [one for one in told(directory, model, node)["-drive"] if str(directory.node(node.name).seed) in one]
    assert len(disks) == (method == seed.METAL_ISO)


@pytest.mark.skipif(
    seed.program("mkfs.vfat") is None or seed.program("mcopy") is None, reason="needs dosfstools, mtools"
)
def test_the_configuration_lies_where_the_machine_is_told_to_look(tmp_path: Path) -> None:
    from talos.linux.superblock import probe
    from talos.platforms import metal

    directory, model, node = made(tmp_path, machine.ISO, Start(config_method=seed.METAL_ISO))
    machine.prepare(directory, model, node, "version: v1alpha1\n")
    files = directory.node(node.name)
    with files.seed.open("rb") as file:
        found = probe(lambda offset, length: file.seek(offset) * 0 or file.read(length))
    assert found is not None and found.label.lower() == metal.ISO_LABEL and seed.METAL_FILE == metal.ISO_FILE
    assert not files.user_data.exists()
    model.config_method = seed.HTTP
    files.seed.unlink()
    machine.prepare(directory, model, node, "version: v1alpha1\n")
    assert files.user_data.read_text() == "version: v1alpha1\n" and not files.seed.exists()
    assert files.user_data.stat().st_mode & 0o777 == 0o600


def test_without_a_configuration_a_machine_is_told_by_its_seed(tmp_path: Path) -> None:
    _, model, _ = made(tmp_path, machine.ISO, Start(config_method=seed.HTTP), injected=False)
    assert model.config_method == ""


def test_firmware_is_a_pair_of_one_folder_and_a_named_folder_comes_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, own = tmp_path / "usual", tmp_path / "own"
    monkeypatch.setattr(firmware, "FOLDERS", (usual,))
    for folder in (usual, own):
        folder.mkdir()
    (own / "OVMF_CODE_4M.fd").touch()
    with pytest.raises(ProvisionError, match="--extra-uefi-search-paths"):
        firmware.find([own])
    for name in ("OVMF_CODE_4M.fd", "OVMF_CODE_4M.secboot.fd", "OVMF_VARS_4M.fd"):
        (usual / name).touch()
    assert firmware.find([own]) == firmware.Firmware(usual / "OVMF_CODE_4M.fd", usual / "OVMF_VARS_4M.fd")
    assert firmware.find([], secure_boot=True).code.name == "OVMF_CODE_4M.secboot.fd"
    for name in ("OVMF_CODE.4m.fd", "OVMF_VARS.4m.fd"):
        (own / name).touch()
    assert firmware.find([own]) == firmware.Firmware(own / "OVMF_CODE.4m.fd", own / "OVMF_VARS.4m.fd")
    directory, model, node = made(tmp_path, machine.ISO, Start(firmware_folders=(str(own),)))
    drives = told(directory, model, node)["-drive"]
    assert any(f"unit=0,readonly=on,file={own}/OVMF_CODE.4m.fd" in one for one in drives)
    (own / "OVMF_VARS.4m.fd").write_bytes(b"own")
    machine.make_disks(model, node, directory.node(node.name))
    assert directory.node(node.name).firmware_variables.read_bytes() == b"own"


def test_a_start_is_remembered(tmp_path: Path) -> None:
    directory, model, _ = made(tmp_path, machine.PXE, Start(boot_script="http://10.7.0.1/x", bad_rtc=True, tpm1=True))
    directory.save(model)
    assert directory.load() == model
    assert (model.tpm_version, model.boot_script) == (1, "http://10.7.0.1/x")


def restarting_kernel() -> bytes:
    """A kernel as small as QEMU loads one (Multiboot 0.6.96, address fields in the header): it resets the machine by
    port 0xcf9 (RST_CNT of q35's ICH9)."""
    code = bytes.fromhex("66baf90cb006eef4ebfd")
    where, flags, magic = 0x100000, 0x10000, 0x1BADB002
    end = where + 32 + len(code)
    header = struct.pack("<8I", magic, flags, -(magic + flags) & 0xFFFFFFFF, where, where, end, end, where + 32)
    return header + code


@pytest.mark.skipif(os.geteuid() != 0 or shutil.which(qemu.PROGRAM) is None, reason="needs root and QEMU")
def test_a_machine_that_qemu_starts_is_started_again_when_it_restarts(tmp_path: Path) -> None:
    directory, model, node = made(tmp_path, machine.KERNEL, Start(uefi=False))
    model.disks, node.memory = [1 << 20], 64 << 20
    Path(model.image).write_bytes(restarting_kernel())
    for file in (model.initramfs, model.medium, directory.node(node.name).seed):
        Path(file).write_bytes(bytes(4096))
    directory.save(model)
    network.create(directory, model)
    try:
        monitors.start(directory, node)

        def again() -> monitors.MonitorStatus | None:
            status = monitors.status(directory, node)
            return status if status is not None and status.boots > 2 else None

        status = _until(again)
        assert (status.state, status.alive) == ("running", True)
        os.kill(status.pid, signal.SIGTERM)
        _until(lambda: companion.gone(status.pid))
        ended = monitors.status(directory, node)
        assert ended is not None and ended.state == "stopped" and companion.gone(ended.init_pid)
    finally:
        monitors.kill(directory)
        network.destroy(directory)
