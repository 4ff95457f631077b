"""System, processors and memory modules as the firmware describes them. A container's are its host's: not shown."""

from __future__ import annotations

from collections.abc import Iterable

from talos.controllers.publish import publish
from talos.linux import smbios
from talos.linux.smbios import Structure
from talos.resources.hardware import MemoryModuleSpec, ProcessorSpec, SystemInformationSpec
from talos.state.controller import EXCLUSIVE, Controller, Output
from talos.state.runtime import Runtime

TABLE = "/sys/firmware/dmi/tables/DMI"
_WAKE_UP = ("Reserved", "Other", "Unknown", "APM Timer", "Modem Ring", "LAN Remote", "Power Switch", "PCI PME#",
            "AC Power Restored")  # fmt: skip
_POPULATED = 0x40


def system(found: Iterable[Structure]) -> SystemInformationSpec | None:
    """From the BIOS and system structures."""
    by_kind = {one.kind: one for one in reversed(list(found))}
    one = by_kind.get(smbios.SYSTEM)
    if one is None:
        return None
    bios = by_kind.get(smbios.BIOS)
    wake_up = one.byte(24)
    return SystemInformationSpec(
        manufacturer=one.text(4),
        product_name=one.text(5),
        version=one.text(6),
        bios_version=bios.text(5) if bios is not None else "",
        serialnumber=one.text(7),
        uuid=smbios.system_uuid(one),
        wake_up_type=_WAKE_UP[wake_up] if wake_up < len(_WAKE_UP) else "",
        sku_number=one.text(25),
    )


def processor(one: Structure) -> ProcessorSpec:
    """A processor socket. Counts above 255 stand in words of their own (since version 3.0)."""
    cores, enabled, threads = one.byte(35), one.byte(36), one.byte(37)
    return ProcessorSpec(
        socket=one.text(4),
        manufacturer=one.text(7),
        product_name=one.text(16),
        max_speed_mhz=one.word(20),
        boot_speed_mhz=one.word(22),
        status=one.byte(24),
        serial_number=one.text(32),
        asset_tag=one.text(33),
        part_number=one.text(34),
        core_count=one.word(42) if cores == 255 else cores,
        core_enabled=one.word(44) if enabled == 255 else enabled,
        thread_count=one.word(46) if threads == 255 else threads,
    )


def memory_module(one: Structure) -> MemoryModuleSpec:
    """A slot for a memory module."""
    return MemoryModuleSpec(
        size_mib=smbios.memory_mib(one),
        device_locator=one.text(16),
        bank_locator=one.text(17),
        speed=one.word(21),
        manufacturer=one.text(23),
        serial_number=one.text(24),
        asset_tag=one.text(25),
        product_name=one.text(26),
    )


def unique(wanted: str, taken: Iterable[str], number: int) -> str:
    """An id from what the firmware calls a part; firmware that gives two the same name gets numbers."""
    id_ = "-".join(wanted.split()) or str(number)
    return f"{id_}-{number}" if id_ in set(taken) else id_


class SystemInfoController(Controller):
    name = "hardware.SystemInfoController"
    outputs = (
        Output(SystemInformationSpec, EXCLUSIVE), Output(ProcessorSpec, EXCLUSIVE), Output(MemoryModuleSpec, EXCLUSIVE),
    )  # fmt: skip

    async def reconcile(self, rt: Runtime) -> None:
        if rt.env.in_container:
            return
        try:
            found = list(smbios.structures(rt.env.path(TABLE).read_bytes()))
        except OSError:
            return  # a machine without these tables: a microvm, a board with a device tree
        if (known := system(found)) is not None:
            await publish(rt, SystemInformationSpec, {"systeminformation": known})
        processors: dict[str, ProcessorSpec] = {}
        modules: dict[str, MemoryModuleSpec] = {}
        for one in found:
            if one.kind == smbios.PROCESSOR and one.byte(24) & _POPULATED:
                socket = processor(one)
                processors[unique(socket.socket, processors, len(processors))] = socket
            elif one.kind == smbios.MEMORY_DEVICE:
                module = memory_module(one)
                modules[unique(module.device_locator, modules, len(modules))] = module
        await publish(rt, ProcessorSpec, processors)
        await publish(rt, MemoryModuleSpec, modules)
