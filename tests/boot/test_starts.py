"""Machines of a local cluster that start otherwise than from an ISO or a disk image, by the flags of Talos' own client:
each installs itself, and starts from its disk then. Who tells them who they are varies with it."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from talos.provision import config_server, machine, monitors

from .cluster import Cluster
from .machine import BOOT, BOOT_TIMEOUT_S

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(3600),
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: bridge and TAP devices"),
]
long = pytest.mark.skipif("TALOS_LONG" not in os.environ, reason="minutes under emulation: make test-boot-long")
KERNEL = ("--vmlinuz-path", f"{BOOT}/cloud-${{ARCH}}-kernel", "--initrd-path", f"{BOOT}/cloud-${{ARCH}}-initramfs")
INSTALLED = "system disk /dev/vda"


@pytest.fixture
def cluster(built: dict[str, Path], tmp_path: Path) -> Iterator[Cluster]:
    del built
    found = Cluster(tmp_path, "boot-starts")
    try:
        yield found
    finally:
        found.destroy()


def installed(cluster: Cluster, *words: str) -> int:
    """Create one machine, and wait until it runs from its disk. Returns how many times QEMU was started."""
    cluster.create("--provisioner", "qemu", "--workers", "0", "--no-wait", *words, command="create dev")
    end = time.monotonic() + 2 * BOOT_TIMEOUT_S
    while INSTALLED not in cluster.console:
        assert monitors.find(cluster.directory) and time.monotonic() < end, f"…{cluster.console[-3000:]}"
        time.sleep(1)
    cluster.until("version")
    assert cluster.node.name in cluster.until("get", "hostname")
    status = monitors.status(cluster.directory, cluster.node)
    assert status is not None and status.state == "running"
    return status.boots


def dmesg(cluster: Cluster) -> str:
    return cluster.until("dmesg")


def test_a_kernel_a_configuration_by_http_a_wrong_clock_and_an_old_tpm(cluster: Cluster) -> None:
    """What one machine can have at once."""
    words = (*KERNEL, "--config-injection-method", "http", "--bad-rtc", "--with-tpm1_2")
    assert installed(cluster, *words) == 2, "QEMU is started again, without the kernel"
    gateway = cluster.directory.load().gateway
    end = time.monotonic() + BOOT_TIMEOUT_S
    while not cluster.resources("timestatus")[0]["synced"]:
        assert time.monotonic() < end, cluster.console[-2000:]
        time.sleep(1)
    assert cluster.resources("timeserverstatus")[0]["timeServers"] == [gateway]
    assert f"{gateway}: set the clock by" in cluster.until("logs", "timed")
    assert machine.BAD_CLOCK[:4] in "".join(line for line in dmesg(cluster).splitlines() if "rtc_cmos" in line)
    assert "1.2 TPM" in dmesg(cluster)
    arguments = cluster.until("read", "/proc/cmdline")
    assert "talos.platform=metal" in arguments and f"talos.config=http://{gateway}:" in arguments


@long
def test_a_unified_kernel_image_and_a_configuration_on_a_disk(cluster: Cluster) -> None:
    words = ("--uki-path", f"{BOOT}/cloud-${{ARCH}}-uki.efi", "--config-injection-method", "metal-iso")
    assert installed(cluster, *words) == 2
    assert "talos.config=metal-iso" in cluster.until("read", "/proc/cmdline")
    assert "the root is read from /EFI/Linux/" in cluster.console


@long
@pytest.mark.parametrize("flag", ["--with-uefi=false", "--with-bootloader=false"])
def test_a_kernel_at_each_start(cluster: Cluster, flag: str) -> None:
    assert installed(cluster, flag) == 2
    assert "the root is read from /EFI/Linux/" not in cluster.console
    uefi = cluster.talosctl("list", "/sys/firmware/efi")
    assert ("runtime" in uefi.stdout) == (flag != "--with-uefi=false")


@long
def test_a_stick(cluster: Cluster) -> None:
    assert installed(cluster, "--usb-path", f"{BOOT}/cloud-${{ARCH}}.iso") == 1
    assert "the root is read from /EFI/Linux/" in cluster.console


@long
def test_the_network_and_a_script_of_ones_own(cluster: Cluster) -> None:
    """That the script is another's makes no difference to the firmware: this one lies where `--presets pxe` has it."""
    server = f"http://10.77.0.1:{config_server.PORT}{config_server.SCRIPT}"
    words = ("--cidr", "10.77.0.0/24", "--config-injection-method", "http", "--ipxe-boot-script", server)
    assert installed(cluster, *words) == 1
    assert "the root is read from /EFI/Linux/" in cluster.console


@long
@pytest.mark.timeout(4000)
@pytest.mark.parametrize("method", ["", "http"])
def test_a_machine_whose_clock_begins_in_the_past_becomes_ready(cluster: Cluster, method: str) -> None:
    """No certificate of its cluster is valid yet when it is switched on."""
    words = ("--config-injection-method", method) if method else ()
    said = cluster.create(
        *("--provisioner", "qemu", "--workers", "0", "--bad-rtc", *words), command="create dev", timeout_s=3700
    )
    assert "1 node is Ready" in said
