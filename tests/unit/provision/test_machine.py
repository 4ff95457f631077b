"""Nodes that are machines: what QEMU is told, what the seed says, and what ends with the monitor."""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import json
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from talos.config import Config
from talos.environment import NodeEnvironment
from talos.kernel_arguments import KernelArguments
from talos.linux import gpt
from talos.linux.block import BlockDevice
from talos.machined.disk.selector import choose
from talos.platforms import Machine
from talos.platforms.network_config import parse
from talos.provision import companion, disk_image, firmware, machine, monitors, preflight, qemu, seed
from talos.provision.configs import ConfigOptions
from talos.provision.create import CreateOptions, create, nodes
from talos.provision.generate import generate
from talos.provision.model import CONTROL_PLANE, QEMU, WORKER, ClusterDirectory, ClusterModel, NodeModel, ProvisionError
from talos.resources.network import LinkStatusSpec


def cluster(tmp_path: Path, preset: str = machine.DISK_IMAGE) -> tuple[ClusterDirectory, ClusterModel, NodeModel]:
    image = tmp_path / "image"
    image.write_bytes(b"system")
    node = NodeModel("demo-worker-1", WORKER, "10.7.0.3", 2, memory=2 << 30, cpus=1.5)
    model = ClusterModel(
        "demo", "10.7.0.0/24", "10.7.0.1", 1450, str(image), "", "", "1.37.0", nodes=[node], provisioner=QEMU,
        preset=preset, disks=[6 << 30, 1 << 30], emulated=True,
    )  # fmt: skip
    directory = ClusterDirectory(tmp_path / "state", "demo")
    directory.node(node.name).path.mkdir(parents=True)
    return directory, model, node


def begins(disk: Path) -> bytes:
    with disk.open("rb") as file:
        return file.read(6)


def test_the_model_survives_its_file(tmp_path: Path) -> None:
    directory, model, _ = cluster(tmp_path)
    directory.save(model)
    assert directory.load() == model
    assert directory.load().machines


def test_what_qemu_is_told(tmp_path: Path) -> None:
    directory, model, node = cluster(tmp_path)
    words = qemu.command(machine.specification(directory, model, node, 7))
    text = " ".join(words)
    files = directory.node(node.name)
    assert "-smp 2 -m 2048" in text
    assert f"-serial file:{files.console}" in text
    assert f"tap,id=net0,fd=7 -device virtio-net-pci,netdev=net0,mac={directory.hardware_address(node)}" in text
    assert [text.index(str(path)) for path in (files.disk(0), files.disk(1), files.seed)] == sorted(
        text.index(str(path)) for path in (files.disk(0), files.disk(1), files.seed)
    )
    assert str(qemu.FIRMWARE_CODE) in text
    assert "kernel-cmdline-extra=talos.platform=nocloud no_timer_check" in text
    assert "-no-reboot" not in words
    assert "media=cdrom" not in text


@pytest.mark.parametrize(
    ("driver", "words", "install"),
    [
        ("virtio", "virtio-blk-pci,drive=disk0", "/dev/vda"), ("nvme", "nvme,drive=disk0", "/dev/nvme0n1"),
        ("scsi", "scsi-hd,drive=disk0", "/dev/sda"), ("ahci", "ide-hd,drive=disk0", "/dev/sda"),
    ],
)  # fmt: skip
def test_the_system_disk_hangs_on_the_machine_as_told(tmp_path: Path, driver: str, words: str, install: str) -> None:
    directory, model, node = cluster(tmp_path)
    model.disk_drivers, model.endpoint = [driver, "virtio"], "https://10.7.0.2:6443"
    told = qemu.command(machine.specification(directory, model, node, 7))
    assert f"{words},bootindex=0,serial=disk0" in told
    assert ("virtio-scsi-pci" in told) == (driver == "scsi")
    config = Config.decode(generate(model, ConfigOptions()).by_role[WORKER])
    disk = BlockDevice(install.removeprefix("/dev/"), size=model.disks[0])
    assert config.machine.install is not None
    assert choose([BlockDevice("other", size=1), disk], expression=config.machine.install.selector) is disk


def test_a_machine_that_installs_itself_has_an_empty_disk_and_the_iso(tmp_path: Path) -> None:
    directory, model, node = cluster(tmp_path, machine.ISO)
    files = directory.node(node.name)
    machine.make_disks(model, node, files)
    assert begins(files.disk(0)) == bytes(6)
    assert f"media=cdrom,readonly=on,format=raw,file={model.image}" in " ".join(
        qemu.command(machine.specification(directory, model, node, 7))
    )


def test_disks_are_as_large_as_told_and_take_no_room(tmp_path: Path) -> None:
    directory, model, node = cluster(tmp_path)
    files = directory.node(node.name)
    machine.make_disks(model, node, files)
    assert [files.disk(number).stat().st_size for number in (0, 1)] == model.disks
    assert begins(files.disk(0)) == b"system"
    assert sum(files.disk(number).stat().st_blocks * 512 for number in (0, 1)) < 1 << 20
    assert {files.disk(number).stat().st_mode & 0o777 for number in (0, 1)} == {0o600}


def test_disks_of_workers_alone_and_their_serial_numbers(tmp_path: Path) -> None:
    directory, model, node = cluster(tmp_path)
    model.worker_disks, model.disk_serials = 1, ["", "ROLE-data.1"]
    control_plane = NodeModel("demo-controlplane-1", CONTROL_PLANE, "10.7.0.2", 1, memory=2 << 30, cpus=2)
    directory.node(control_plane.name).path.mkdir(parents=True)
    for one, count in ((node, 2), (control_plane, 1)):
        files = directory.node(one.name)
        machine.make_disks(model, one, files)
        assert [files.disk(number).exists() for number in (0, 1)] == [True, count == 2]
        told = " ".join(qemu.command(machine.specification(directory, model, one, 7)))
        assert ("serial=ROLE-data.1" in told) == (count == 2) and "serial=disk0" in told
        assert told.count("virtio-blk-pci") == count + 1, "the seed is a disk as well"


def test_disks_have_the_sectors_that_were_asked_for_but_where_qemu_has_none_of_them(tmp_path: Path) -> None:
    directory, model, node = cluster(tmp_path)
    model.disks, model.disk_sector = [6 << 30, *[1 << 30] * 3], 4096
    model.disk_drivers = ["virtio", "nvme", "scsi", "ahci"]
    told = qemu.command(machine.specification(directory, model, node, 7))
    sectors = "logical_block_size=4096,physical_block_size=4096"
    assert [words.partition(",")[0] for words in told if sectors in words] == [
        "virtio-blk-pci", "nvme", "scsi-hd",
    ]  # fmt: skip
    assert "block_size" not in next(words for words in told if words.startswith("ide-hd"))
    assert sum("drive=disk4" in words and "block_size" not in words for words in told) == 1, "the seed is a FAT for 512"


@pytest.mark.parametrize("sector", gpt.SECTORS)
def test_a_disk_image_for_other_sectors_is_refused_before_a_machine_starts(tmp_path: Path, sector: int) -> None:
    image = tmp_path / "image.raw"
    table = gpt.new((64 << 20) // sector, sector).add("EFI", 8 << 20)
    with image.open("wb") as file:
        file.truncate(64 << 20)
        for offset, data in table.writes():
            file.seek(offset)
            file.write(data)
    disk_image.check(image, sector)
    other = next(one for one in gpt.SECTORS if one != sector)
    step = "leave the flag out, or use --iso-path" if sector == 512 else "use --disk-block-size 4096"
    with pytest.raises(ProvisionError, match=rf"--disk-block-size {other}: .* sectors of {sector} bytes: {step}"):
        disk_image.check(image, other)
    image.write_bytes(b"no table" * 1000)  # what it is, the firmware says
    disk_image.check(image, other)


def test_create_looks_at_the_disk_image_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "cloud-amd64.raw").write_bytes(b"")
    with (tmp_path / "cloud-amd64.raw").open("r+b") as file:
        file.truncate(64 << 20)
        for offset, data in gpt.new(64 << 11).writes():
            file.seek(offset)
            file.write(data)
    monkeypatch.setattr(preflight, "check_machines", lambda *_: None)
    options = CreateOptions(
        "demo", tmp_path / "state", provisioner=QEMU, presets=["disk-image"], image=str(tmp_path), disk_sector=4096,
        memory_controlplanes=2 << 30, memory_workers=2 << 30,
    )  # fmt: skip
    with pytest.raises(ProvisionError, match=r"made for disks with sectors of 512 bytes"):
        asyncio.run(create(options))
    assert not (tmp_path / "state").exists()


def test_an_iommu_stands_in_front_of_what_is_behind_it(tmp_path: Path) -> None:
    directory, model, node = cluster(tmp_path)
    assert "intel-iommu" not in " ".join(qemu.command(machine.specification(directory, model, node, 7)))
    model.iommu = True
    told = qemu.command(machine.specification(directory, model, node, 7))
    assert told[told.index("-M") + 1] == "q35,kernel-irqchip=split"
    devices = [words for flag, words in itertools.pairwise(told) if flag == "-device"]
    assert devices[0].startswith("intel-iommu,")


def test_a_machine_that_is_named_by_its_uuid_has_that_uuid(tmp_path: Path) -> None:
    options = CreateOptions("demo", tmp_path, workers=1, uuid_hostnames=True)
    first, second = nodes(options, ipaddress.IPv4Network("10.7.0.0/24"))
    assert first.name != second.name and len(first.name) <= 63
    directory = ClusterDirectory(tmp_path, "demo")
    assert f"machine-{directory.machine_id(first)}" == first.name
    assert str(uuid.UUID(directory.machine_id(first))) == directory.machine_id(first)


def test_a_file_to_start_from(tmp_path: Path) -> None:
    found = machine.artefacts(str(tmp_path), tmp_path, str(tmp_path / "own.iso"))
    assert found.needed(machine.ISO) == (tmp_path / "cloud-amd64-kernel", tmp_path / "own.iso")
    assert machine.artefacts(None, tmp_path).iso == tmp_path / "_out/boot/cloud-amd64.iso"


def test_hardware_addresses_are_local_and_differ(tmp_path: Path) -> None:
    directory = ClusterDirectory(tmp_path, "demo")
    found = {directory.hardware_address(NodeModel("x", WORKER, "", index)) for index in range(1, 300)}
    assert len(found) == 299
    assert {address[:2] for address in found} == {"02"}


def test_the_seed_is_what_the_platform_reads(tmp_path: Path) -> None:
    directory, model, node = cluster(tmp_path)
    files = seed.files(directory, model, node, "version: v1alpha1\n")
    link = LinkStatusSpec(permanent_addr=directory.hardware_address(node))
    asked = Machine(NodeEnvironment(arguments=KernelArguments("")), (("eth0", link),))
    spec = parse(json.loads(files["network-config"]), asked)
    assert [(a.link_name, a.address) for a in spec.addresses] == [("eth0", "10.7.0.3/24")]
    assert [r.gateway for r in spec.routes] == ["10.7.0.1"]
    assert spec.links[0].mtu == 1450
    assert json.loads(files["meta-data"])["local-hostname"] == "demo-worker-1"
    assert "user-data" not in seed.files(directory, model, node, None)
    model.second_subnet, model.second_gateway = "fd74:616c:a07::/64", "fd74:616c:a07::1"
    node.second_address = "fd74:616c:a07::3"
    spec = parse(json.loads(seed.files(directory, model, node, None)["network-config"]), asked)
    assert [a.address for a in spec.addresses] == ["10.7.0.3/24", "fd74:616c:a07::3/64"]
    assert [r.gateway for r in spec.routes] == ["10.7.0.1", "fd74:616c:a07::1"]


@pytest.mark.skipif(
    seed.program("mkfs.vfat") is None or seed.program("mcopy") is None, reason="needs dosfstools, mtools"
)
def test_the_seed_is_a_disk_of_that_label_that_only_its_owner_reads(tmp_path: Path) -> None:
    path = tmp_path / "seed.raw"
    seed.write(path, {"user-data": "a: 1\n", "meta-data": "{}"})
    shown = subprocess.run(["mtype", "-i", str(path), "::/user-data"], capture_output=True, check=True)
    assert shown.stdout == b"a: 1\n"
    assert b"CIDATA" in path.read_bytes()[:512]
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_arguments_of_the_kernel_and_the_chip_are_handed_on(tmp_path: Path) -> None:
    directory, model, node = cluster(tmp_path)
    model.kernel_arguments = "a=1,2 b"
    text = " ".join(qemu.command(machine.specification(directory, model, node, 7)))
    assert text.endswith(" a=1,,2 b")


def test_what_is_encrypted_with_which_keys(tmp_path: Path) -> None:
    _, model, _ = cluster(tmp_path)
    model.endpoint = "https://10.7.0.2:6443"
    options = ConfigOptions(encrypted=("STATE", "EPHEMERAL"), encryption_keys=("tpm", "uuid"))
    found = Config.decode(generate(model, options).by_role[WORKER]).machine.encryption
    assert {name: [(key.slot, key.kind) for key in one.keys] for name, one in found.items()} == {
        "STATE": [(0, "tpm"), (1, "nodeID")], "EPHEMERAL": [(0, "tpm"), (1, "nodeID")],
    }  # fmt: skip
    with pytest.raises(ProvisionError, match="--disk-encryption-key-types usb: choose from uuid, tpm, kms"):
        generate(model, ConfigOptions(encrypted=("STATE",), encryption_keys=("usb",)))


def test_the_signed_iso_is_started_by_firmware_that_asks_for_signatures(tmp_path: Path) -> None:
    directory, model, node = cluster(tmp_path)
    found = machine.artefacts(str(tmp_path), tmp_path, secure_boot=True)
    assert found.needed(machine.ISO_SECURE_BOOT) == (
        tmp_path / "cloud-amd64-secureboot-kernel", tmp_path / "cloud-amd64-secureboot.iso",
    )  # fmt: skip
    model.preset, model.image = machine.ISO_SECURE_BOOT, str(found.image(machine.ISO_SECURE_BOOT))
    made = machine.specification(directory, model, node, 7)
    assert made.iso == found.iso and made.secure_boot and made.restart
    words = " ".join(qemu.command(made))
    assert "OVMF_CODE_4M.secboot.fd" in words and "q35,smm=on" in words
    model.preset = machine.ISO
    assert not machine.specification(directory, model, node, 7).secure_boot


def test_presets() -> None:
    assert machine.preset(["iso-secureboot"]) == ("iso-secureboot", False)
    with pytest.raises(ProvisionError, match="starts from one of"):
        machine.preset(["iso", "iso-secureboot"])
    assert machine.preset([]) == ("iso", False)
    assert machine.preset(["maintenance"]) == ("iso", True)
    assert machine.preset(["disk-image", "maintenance"]) == ("disk-image", True)
    with pytest.raises(ProvisionError, match="--presets floppy"):
        machine.preset(["floppy"])


def test_what_is_missing_is_named_with_its_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "privileges", lambda: None)
    monkeypatch.setattr(preflight, "emulator", lambda **_: None)
    monkeypatch.setattr(preflight, "seed_tools", lambda: None)
    absent = machine.artefacts(str(tmp_path), tmp_path)
    with pytest.raises(ProvisionError, match=r"cloud-amd64-kernel does not exist: `make artefacts`"):
        preflight.check_machines(tmp_path, absent, machine.ISO, 1)
    signed = machine.artefacts(str(tmp_path), tmp_path, secure_boot=True)
    with pytest.raises(ProvisionError, match=r"cloud-amd64-secureboot-kernel does not exist: .*--secureboot-key"):
        preflight.check_machines(tmp_path, signed, machine.ISO_SECURE_BOOT, 1)
    monkeypatch.undo()
    monkeypatch.setattr(firmware, "FOLDERS", (tmp_path / "absent",))
    with pytest.raises(ProvisionError, match=r"package (ovmf|qemu-system-x86)"):
        preflight.emulator()
    monkeypatch.setattr(qemu, "PROGRAM", "no-such-qemu")
    with pytest.raises(ProvisionError, match="package qemu-system-x86"):
        preflight.emulator()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: a link")
def test_a_machine_ends_with_its_monitor_and_its_link_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from talos.linux.netlink_socket import RouteSocket
    from talos.provision import network

    directory, model, node = cluster(tmp_path)
    program = tmp_path / "bin" / qemu.PROGRAM
    program.parent.mkdir()
    program.write_text("#!/bin/sh\nexec sleep 1000\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
    directory.save(model)
    network.create(directory, model)
    try:
        monitors.start(directory, node)
        status = _until(lambda: monitors.status(directory, node))
        assert (status.state, status.alive) == ("running", True)
        with RouteSocket() as sockets:
            assert sockets.link(directory.veth(node)) is not None
        os.kill(status.pid, signal.SIGKILL)
        _until(lambda: companion.gone(status.init_pid))
        with RouteSocket() as sockets:
            _until(lambda: sockets.link(directory.veth(node)) is None)
    finally:
        network.destroy(directory)


def _until(ask: Callable[[], Any]) -> Any:
    end = time.monotonic() + 30
    while not (found := ask()):
        assert time.monotonic() < end
        time.sleep(0.02)
    return found
