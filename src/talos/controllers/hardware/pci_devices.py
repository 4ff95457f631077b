"""PCI functions, renewed when one is plugged in. The image holds no pci.ids: numbers, and the names of classes."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

from talos.controllers.publish import publish
from talos.linux.uevent import Uevent, UeventMonitor
from talos.resources.hardware import PCIDeviceSpec
from talos.state.controller import EXCLUSIVE, Controller, Output
from talos.state.runtime import Runtime

_SETTLE_S = 0.2
_CLASSES = {
    "00": "Unclassified device", "01": "Mass storage controller", "02": "Network controller",
    "03": "Display controller", "04": "Multimedia controller", "05": "Memory controller", "06": "Bridge",
    "07": "Communication controller", "08": "Generic system peripheral", "09": "Input device controller",
    "0a": "Docking station", "0b": "Processor", "0c": "Serial bus controller", "0d": "Wireless controller",
    "0e": "Intelligent controller", "0f": "Satellite communications controller", "10": "Encryption controller",
    "11": "Signal processing controller", "12": "Processing accelerators", "13": "Non-Essential Instrumentation",
}  # fmt: skip
"""base classes of the PCI Code and ID Assignment Specification"""


def devices(sysfs: Path) -> Iterator[tuple[str, PCIDeviceSpec]]:
    """(address, what it is) of every function."""
    folder = sysfs / "bus/pci/devices"
    for entry in sorted(folder.iterdir()) if folder.is_dir() else ():
        try:
            number = (entry / "class").read_text().strip().removeprefix("0x")
            vendor, product = ((entry / name).read_text().strip() for name in ("vendor", "device"))
        except OSError:
            continue  # unplugged meanwhile
        driver = entry / "driver"
        yield (
            entry.name,
            PCIDeviceSpec(
                class_=_CLASSES.get(number[:2], ""),
                class_id=f"0x{number[:2]}",
                subclass_id=f"0x{number[2:4]}",
                vendor_id=vendor,
                product_id=product,
                driver=driver.resolve().name if driver.exists() else "",
            ),
        )


class PCIDevicesController(Controller):
    name = "hardware.PCIDevicesController"
    outputs = (Output(PCIDeviceSpec, EXCLUSIVE),)

    async def run(self, rt: Runtime) -> None:
        if rt.env.in_container:
            return

        def received(event: Uevent) -> None:
            if event.subsystem == "pci":
                rt.trigger()

        monitor = UeventMonitor(received, rt.trigger)
        try:
            async for _ in rt.events():
                found = await asyncio.to_thread(lambda: dict(devices(rt.env.path("/sys"))))
                await publish(rt, PCIDeviceSpec, found)
                await asyncio.sleep(_SETTLE_S)
        finally:
            monitor.close()
