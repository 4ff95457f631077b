"""Hardware as firmware and sysfs describe it."""

from __future__ import annotations

import asyncio
import struct
import uuid
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from talos.controllers.hardware import pci_devices, system_info
from talos.controllers.hardware.pci_devices import PCIDevicesController
from talos.controllers.hardware.system_info import SystemInfoController
from talos.controllers.runtime.boot_id import BootIDController
from talos.controllers.runtime.kernel_cmdline import KernelCmdlineController
from talos.environment import NodeEnvironment
from talos.kernel_arguments import KernelArguments
from talos.linux import smbios
from talos.resources.hardware import MemoryModuleSpec, PCIDeviceSpec, ProcessorSpec, SystemInformationSpec
from talos.resources.runtime import BootIDSpec, KernelCmdlineSpec
from talos.state.controller_runtime import ControllerRuntime
from talos.state.inmemory import InMemoryState

ID = uuid.UUID("33221100-5544-7766-8899-aabbccddeeff")


def structure(kind: int, body: bytes, *strings: str) -> bytes:
    texts = b"".join(text.encode() + b"\0" for text in strings) or b"\0"
    return struct.pack("<BBH", kind, 4 + len(body), kind) + body + texts + b"\0"


def table() -> bytes:
    system = bytes([1, 2, 3, 4]) + ID.bytes_le + bytes([6, 5, 0])
    processor = bytes([1, 3, 0, 2]) + bytes(8) + bytes([3, 0]) + struct.pack("<HHH", 100, 3600, 3400)
    processor += bytes([0x41, 1]) + bytes(6) + bytes([0, 0, 0, 8, 4, 16]) + bytes(10)
    memory = struct.pack("<HHHHHBBBBBH", 0, 0, 64, 64, 0x7FFF, 9, 0, 1, 2, 26, 0)
    memory += struct.pack("<HBBBB", 3200, 3, 4, 0, 5)
    memory += bytes([0]) + struct.pack("<I", 65536)
    empty = bytearray(memory)
    empty[8:10] = bytes(2)
    return b"".join(
        (
            structure(smbios.BIOS, bytes([1, 2]), "Vendor", "1.2.3"),
            structure(smbios.SYSTEM, system, "Maker", "Model X", "v2", "SN 1", "SKU"),
            structure(smbios.PROCESSOR, processor, "CPU 0", "Maker", "Fast 9"),
            structure(smbios.MEMORY_DEVICE, memory, "DIMM 0", "BANK 0", "Chips", "77", "Part"),
            structure(smbios.MEMORY_DEVICE, bytes(empty), "DIMM 0", "BANK 0"),
            structure(smbios.END, b""),
            b"rubbish",
        )
    )


def test_structures() -> None:
    found = list(smbios.structures(table()))
    assert [one.kind for one in found] == [0, 1, 4, 17, 17, 127]
    known = system_info.system(found)
    assert known is not None
    assert (known.manufacturer, known.product_name, known.serialnumber) == ("Maker", "Model X", "SN 1")
    assert (known.uuid, known.bios_version) == (str(ID), "1.2.3")
    assert (known.wake_up_type, known.sku_number) == ("Power Switch", "SKU")


@given(st.binary(max_size=200), st.integers(0, 400), st.integers(1, 255))
def test_damaged_tables(rubbish: bytes, place: int, change: int) -> None:
    data = bytearray(table())
    data[place % len(data)] ^= change
    for damaged in (rubbish, bytes(data), table()[:place]):
        for one in smbios.structures(damaged):
            system_info.processor(one)
            system_info.memory_module(one)
            smbios.system_uuid(one)


async def test_a_machine_and_a_container(tmp_path: Path) -> None:
    (tmp_path / "sys/firmware/dmi/tables").mkdir(parents=True)
    (tmp_path / system_info.TABLE[1:]).write_bytes(table())
    card = tmp_path / "sys/bus/pci/devices/0000:00:04.0"
    card.mkdir(parents=True)
    for name, value in (("class", "0x020000"), ("vendor", "0x1af4"), ("device", "0x1000")):
        (card / name).write_text(f"{value}\n")
    (tmp_path / "sys/bus/pci/drivers/virtio-pci").mkdir(parents=True)
    (card / "driver").symlink_to(tmp_path / "sys/bus/pci/drivers/virtio-pci")
    (tmp_path / "proc/sys/kernel/random").mkdir(parents=True)
    (tmp_path / "proc/sys/kernel/random/boot_id").write_text(f"{ID}\n")
    controllers = [SystemInfoController, PCIDevicesController, KernelCmdlineController, BootIDController]
    state = InMemoryState()
    env = NodeEnvironment(platform="metal", root=tmp_path, arguments=KernelArguments("quiet ip=dhcp\n"))
    async with asyncio.timeout(10), ControllerRuntime(state, controllers, env):
        processor = (await state.wait_for(ProcessorSpec, "CPU-0", None)).spec
        module = (await state.wait_for(MemoryModuleSpec, "DIMM-0", None)).spec
        second = (await state.wait_for(MemoryModuleSpec, "DIMM-0-1", None)).spec
        pci = (await state.wait_for(PCIDeviceSpec, "0000:00:04.0", None)).spec
        cmdline = (await state.wait_for(KernelCmdlineSpec, "cmdline", None)).spec
        boot = (await state.wait_for(BootIDSpec, "boot-id", None)).spec
    assert (processor.core_count, processor.core_enabled, processor.thread_count) == (8, 4, 16)
    assert processor.product_name == "Fast 9"
    assert (processor.max_speed_mhz, processor.manufacturer) == (3600, "Maker")
    assert (module.size_mib, module.speed, module.manufacturer, module.product_name) == (65536, 3200, "Chips", "Part")
    assert second.size_mib == 0
    assert (pci.class_, pci.driver) == ("Network controller", "virtio-pci")
    assert (pci.vendor_id, pci.product_id) == ("0x1af4", "0x1000")
    assert cmdline.cmdline == "quiet ip=dhcp"
    assert boot.boot_id == str(ID)
    contained = InMemoryState()
    async with ControllerRuntime(contained, controllers, NodeEnvironment(platform="container", root=tmp_path)):
        await asyncio.sleep(0.1)
        for kind in (SystemInformationSpec, ProcessorSpec, PCIDeviceSpec, KernelCmdlineSpec, BootIDSpec):
            assert not await contained.list(kind)


def test_this_machines_tables_can_be_read() -> None:
    path = Path(system_info.TABLE)
    found = list(smbios.structures(path.read_bytes())) if path.exists() else []
    for one in found:
        system_info.processor(one)
    assert all(":" in address for address, _ in pci_devices.devices(Path("/sys")))
