"""The DHCP server that machines start from: what dnsmasq is told, that it takes that, and that it goes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from talos.provision import machine, netboot, network, seed
from talos.provision.model import ProvisionError
from talos.provision.starts import Start

from .test_starts import made


def test_each_machine_gets_its_address_and_ipxe_its_script(tmp_path: Path) -> None:
    directory, model, node = made(tmp_path, machine.PXE)
    words = netboot.words(directory, model)
    assert f"--dhcp-host={directory.hardware_address(node)},10.7.0.3,demo-worker-1,infinite" in words
    assert "--dhcp-boot=tag:ipxe,http://10.7.0.1:4051/boot.ipxe" in words
    assert f"--interface={directory.bridge}" in words and "--port=0" in words
    model.boot_script = "http://10.7.0.9/own.ipxe"
    assert "--dhcp-boot=tag:ipxe,http://10.7.0.9/own.ipxe" in netboot.words(directory, model)


def test_without_the_program_its_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seed, "program", lambda _name: None)
    with pytest.raises(ProvisionError, match="install the package dnsmasq-base"):
        netboot.check()


@pytest.mark.skipif(os.geteuid() != 0 or seed.program(netboot.PROGRAM) is None, reason="needs root and dnsmasq")
def test_it_serves_the_bridge_and_goes(tmp_path: Path) -> None:
    directory, model, _ = made(tmp_path, machine.PXE, Start(boot_script="http://10.7.0.1/x"))
    with pytest.raises(ProvisionError, match=r"dnsmasq does not serve talos[0-9a-f]+: .*unknown interface"):
        netboot.start(directory, model)
    network.create(directory, model)
    try:
        netboot.start(directory, model)
        (pid,) = netboot.find(directory)
        assert not directory.foreign()
        netboot.kill(directory)
        assert not list(netboot.find(directory)) and not Path(f"/proc/{pid}/exe").exists()
    finally:
        netboot.kill(directory)
        network.destroy(directory)
    netboot.kill(directory)  # destroy may be run again
