"""Starts machines over the network: dnsmasq(8) on the cluster's bridge gives each its address by DHCP, and its firmware
the address of a script. The firmware's part is iPXE, which is in the ROM of QEMU's network card (package ipxe-qemu).

dnsmasq rather than code of ours: DHCP and its PXE options are read by firmware of many makers, and it is in every
distribution. It answers the cluster's machines only, tells nobody of names, and writes nothing down.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator
from pathlib import Path

from talos.provision import companion, config_server, seed
from talos.provision.model import ClusterDirectory, ClusterModel, ProvisionError, host_port

PROGRAM = "dnsmasq"
_START_S = 10.0
_IPXE = 175
"""the DHCP option of iPXE's own settings (ipxe.org/howto/dhcpd); other firmware does not send it"""


def check() -> None:
    """ProvisionError when there is no such program."""
    if seed.program(PROGRAM) is None:
        raise ProvisionError(f"{PROGRAM} is not installed on this host: install the package dnsmasq-base")


def words(directory: ClusterDirectory, model: ClusterModel) -> list[str]:
    """The command, without its program. Pure."""
    script = model.boot_script or f"http://{host_port(model.gateway, config_server.PORT)}{config_server.SCRIPT}"
    hosts = [
        f"--dhcp-host={directory.hardware_address(node)},{node.address},{node.name},infinite" for node in model.nodes
    ]
    return [
        "--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--leasefile-ro", "--log-facility=-",
        "--port=0", f"--interface={directory.bridge}", "--except-interface=lo", "--bind-interfaces", "--no-ping",
        "--dhcp-authoritative", f"--dhcp-range={model.network.network_address},static,{model.network.netmask}",
        *hosts, f"--dhcp-option=option:router,{model.gateway}", f"--dhcp-option=option:dns-server,{model.gateway}",
        f"--dhcp-option=option:mtu,{model.mtu}",
        f"--dhcp-match=set:ipxe,{_IPXE}", f"--dhcp-boot=tag:ipxe,{script}",
    ]  # fmt: skip


def start(directory: ClusterDirectory, model: ClusterModel) -> None:
    """Returns when it answers. ProvisionError."""
    if model.network.version != 4:
        raise ProvisionError("machines start over the network by IPv4 (DHCP): leave --ipv4=false out")
    program = seed.program(PROGRAM)
    if program is None:
        raise ProvisionError(f"{PROGRAM} is not installed on this host: install the package dnsmasq-base")
    pid = companion.start([program, *words(directory, model)], directory.netboot_log)
    end = time.monotonic() + _START_S
    while True:
        ended = companion.gone(pid)  # before its last words are read
        said = directory.netboot_log.read_text(errors="replace")
        if "DHCP, static leases only" in said and not ended:
            return
        if ended or time.monotonic() > end:
            raise ProvisionError(f"{PROGRAM} does not serve {directory.bridge}: {said[-500:].strip()}")
        time.sleep(0.05)


def find(directory: ClusterDirectory) -> Iterator[int]:
    """Processes that serve this cluster's bridge."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            told = (entry / "cmdline").read_bytes().split(b"\0")
            if told[0].endswith(PROGRAM.encode()) and os.fsencode(f"--interface={directory.bridge}") in told:
                yield int(entry.name)


def kill(directory: ClusterDirectory) -> None:
    """End it; nothing if there is none."""
    for pid in find(directory):
        companion.end(pid)
