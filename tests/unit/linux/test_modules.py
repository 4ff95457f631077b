"""Which modules a device wants and what they need, in a tree such as depmod writes; what the kernel says of devices."""

from __future__ import annotations

import asyncio
import errno
import os
from pathlib import Path

import pytest
from tests.wires import root

from talos.kernel_arguments import KernelArguments
from talos.linux import modules
from talos.linux.modules import ModuleTree, modaliases
from talos.linux.namespace import network_namespace, new_network_namespace
from talos.linux.uevent import Uevent, UeventMonitor, decode

DEP = """\
kernel/net/core/failover.ko:
kernel/drivers/net/net_failover.ko: kernel/net/core/failover.ko
kernel/drivers/net/virtio_net.ko: kernel/drivers/net/net_failover.ko kernel/net/core/failover.ko
kernel/fs/fat/fat.ko.xz:
kernel/fs/fat/vfat.ko.xz: kernel/fs/fat/fat.ko.xz
kernel/lib/libcrc32c.ko:
kernel/lib/crc32c-intel.ko:
kernel/fs/xfs/xfs.ko: kernel/lib/libcrc32c.ko
"""
ALIAS = """\
# Aliases extracted from modules themselves.
alias virtio:d00000001v* virtio_net
alias pci:v00001AF4d00001000sv*sd*bc*sc*i* virtio_pci
alias pci:v00001AF4d*sv*sd*bc*sc*i* virtio_pci_late
alias fs-vfat vfat
alias rtnl-link-bond bonding
"""
SOFTDEP = "softdep libcrc32c pre: crc32c-intel\nsoftdep xfs post: vfat\nbroken\n"


@pytest.fixture
def tree(tmp_path: Path) -> ModuleTree:
    folder = tmp_path / "lib/modules/6.1"
    folder.mkdir(parents=True)
    for name, text in (("dep", DEP), ("alias", ALIAS), ("softdep", SOFTDEP)):
        (folder / f"modules.{name}").write_text(text)
    for line in DEP.splitlines():
        path = folder / line.partition(":")[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\x7fELF")
    arguments = KernelArguments("virtio_net.napi_tx=0 virtio-net.csum quiet modprobe.blacklist=floppy,pcspkr")
    return ModuleTree(tmp_path, arguments, "6.1")


def names(paths: list[Path]) -> list[str]:
    return [path.name for path in paths]


def test_what_devices_want(tree: ModuleTree) -> None:
    card, unknown = "pci:v00001AF4d00001000sv00001AF4sd00000001bc02sc00i00", "usb:v1d6bp0002"
    assert tree.wanted_by([card, unknown]) == {card: ["virtio_pci", "virtio_pci_late"]}
    assert tree.wanted_by(["virtio:d00000001v00001AF4"]) == {"virtio:d00000001v00001AF4": ["virtio_net"]}


def test_needs_come_first(tree: ModuleTree) -> None:
    assert names(tree.order(["virtio-net"])) == ["failover.ko", "net_failover.ko", "virtio_net.ko"]
    assert names(tree.order(["xfs"])) == ["crc32c-intel.ko", "libcrc32c.ko", "xfs.ko", "fat.ko.xz", "vfat.ko.xz"]
    assert tree.order(["built_in"]) == []


def test_names_and_aliases(tree: ModuleTree) -> None:
    assert tree.named("virtio-net") == ["virtio_net"]
    assert tree.named("fs-vfat") == ["vfat"]
    assert tree.named("rtnl-link-bond") == ["bonding"]
    assert tree.named("nothing") == []


def test_parameters_of_the_command_line_and_what_it_forbids(tree: ModuleTree) -> None:
    assert tree.parameters("virtio_net", ["x=1"]) == "napi_tx=0 csum x=1"
    assert tree.refused() == {"floppy", "pcspkr"}


def test_a_kernel_without_modules(tmp_path: Path) -> None:
    empty = ModuleTree(tmp_path, release="none")
    assert (empty.wanted_by(["pci:x"]), empty.order(["x"]), empty.loaded()) == ({}, [], set())
    assert empty.load(["x"]) == []


def test_loading_leaves_out_what_is_there(tree: ModuleTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sys/module/failover").mkdir(parents=True)
    asked: list[tuple[str, str]] = []

    def finit(path: Path, parameters: str) -> bool:
        asked.append((path.name, parameters))
        return path.name != "net_failover.ko"  # somebody else was faster

    monkeypatch.setattr(modules, "finit_module", finit)
    assert tree.load(["virtio_net"]) == ["virtio_net"]
    assert asked == [("net_failover.ko", ""), ("virtio_net.ko", "napi_tx=0 csum")]


def test_a_driver_that_refuses_its_device_keeps_nobody_waiting(
    tree: ModuleTree, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def finit(path: Path, parameters: str) -> bool:
        asked.append(path.name)
        if path.name == "virtio_net.ko":
            raise OSError(errno.ENODEV, "no such device")
        return True

    monkeypatch.setattr(modules, "finit_module", finit)
    tree.load_willing(["virtio_net", "vfat"])
    assert asked == ["failover.ko", "net_failover.ko", "virtio_net.ko", "fat.ko.xz", "vfat.ko.xz"]


def test_one_that_somebody_else_is_loading_is_waited_for(
    tree: ModuleTree, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, state in (("failover", "live"), ("net_failover", "coming")):
        (tmp_path / "sys/module" / name).mkdir(parents=True)
        (tmp_path / "sys/module" / name / "initstate").write_text(f"{state}\n")
    asked: list[str] = []

    def finit(path: Path, parameters: str) -> bool:
        asked.append(path.name)  # the kernel answers when the other one is done
        return path.name != "net_failover.ko"

    monkeypatch.setattr(modules, "finit_module", finit)
    assert tree.load(["net_failover"]) == []
    assert tree.load_willing(["net_failover"])
    assert asked == ["net_failover.ko"] * 2


@root
def test_the_kernel_refuses_what_is_no_module(tmp_path: Path) -> None:
    file = tmp_path / "x.ko"
    file.write_bytes(b"not a module")
    with pytest.raises(OSError, match="finit_module") as caught:
        modules.finit_module(file, "")
    assert caught.value.errno in (errno.ENOEXEC, errno.EINVAL, errno.EPERM, errno.ENOSYS, errno.EBADMSG)


def test_modaliases_of_this_machine(tmp_path: Path) -> None:
    device = tmp_path / "devices/pci0/0000:00:01.0"
    device.mkdir(parents=True)
    (device / "modalias").write_text("pci:v1\n")
    (device / "again").symlink_to(device)
    bus = tmp_path / "bus/pci/devices"
    bus.mkdir(parents=True)
    (bus / device.name).symlink_to(device)
    (bus / "gone").symlink_to(tmp_path / "nowhere")
    assert modaliases(tmp_path) == {"pci:v1"}


def test_every_device_that_says_what_it_wants_is_asked() -> None:
    found = {path.read_text().strip() for path in Path("/sys/devices").rglob("modalias")} - {""}
    assert modaliases(Path("/sys")) == found
    assert all(":" in alias for alias in found)


RECORDED = (
    b"add@/devices/pci0000:00/0000:00:04.0/virtio1/block/vda/vda1\0ACTION=add\0"
    b"DEVPATH=/devices/pci0000:00/0000:00:04.0/virtio1/block/vda/vda1\0SUBSYSTEM=block\0MAJOR=254\0MINOR=1\0"
    b"DEVNAME=vda1\0DEVTYPE=partition\0DISKSEQ=9\0PARTN=1\0SEQNUM=1234\0"
)


def test_recorded_message() -> None:
    event = decode(RECORDED)
    assert event is not None
    assert (event.action, event.subsystem, event.values["DEVNAME"], event.modalias) == ("add", "block", "vda1", "")


@pytest.mark.parametrize("data", [b"", b"libudev\0\xfe\xed", b"add@", b"add@x", b"@/devices/x", b"\xff@/x\0\xff=\xff"])
def test_what_is_no_message_of_the_kernel(data: bytes) -> None:
    assert decode(data) is None


@root
async def test_a_real_device_is_told_of() -> None:
    """Messages of network devices go to the namespace that they are in."""
    from talos.linux.netlink_socket import RouteSocket

    namespace = new_network_namespace()
    found: asyncio.Queue[Uevent] = asyncio.Queue()
    try:
        with network_namespace(namespace):
            monitor = UeventMonitor(found.put_nowait, lambda: None)
            route_socket = RouteSocket()
        try:
            with route_socket:
                route_socket.link_add("br7", "bridge")
                while True:
                    event = await asyncio.wait_for(found.get(), 5)
                    if event.action == "add" and event.values.get("INTERFACE") == "br7":
                        break
            assert event.subsystem == "net"
        finally:
            monitor.close()
    finally:
        os.close(namespace)
