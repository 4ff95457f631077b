"""What a machine tells PID 1 and the person at its console."""
from __future__ import annotations

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from talos.controllers.runtime.boot_confirm import BootConfirmController
from talos.controllers.runtime.maintenance_hint import hint, spki_fingerprint
from talos.environment import NodeEnvironment
from talos.pki.certificates import new_authority
from talos.resources.v1alpha1 import ServiceSpec
from talos.state import ControllerRuntime, InMemoryState


@pytest.mark.parametrize(("platform", "expected"), [("metal", b"confirm\n"), ("container", b"")])
async def test_pid_1_is_told_once_apid_is_healthy_on_a_machine_only(
    platform: str, expected: bytes, tmp_path: Path
) -> None:
    (tmp_path / "run/init").mkdir(parents=True)
    os.mkfifo(tmp_path / "run/init/control")
    fifo = os.open(tmp_path / "run/init/control", os.O_RDWR | os.O_NONBLOCK)

    def read() -> bytes:
        try:
            return os.read(fifo, 100)
        except BlockingIOError:
            return b""

    state = InMemoryState()
    env = NodeEnvironment(platform=platform, root=tmp_path)

    async def publish(**values: bool) -> None:
        await state.modify(ServiceSpec, "apid", lambda _: ServiceSpec(**values))
        for _ in range(20):
            await asyncio.sleep(0)

    async with ControllerRuntime(state, [BootConfirmController], env):
        await publish(running=True)
        assert read() == b""
        await publish(running=True, healthy=True)
        await asyncio.sleep(0.05)
        assert read() == expected
        await publish(running=False)
        await publish(running=True, healthy=True)
        await asyncio.sleep(0.05)
        assert read() == b""  # once a boot
    os.close(fifo)


def test_the_console_names_address_fingerprint_and_the_next_step() -> None:
    from talos.client.channel import spki_fingerprint as checked_by_the_client

    authority = new_authority(now=datetime(2026, 1, 1, tzinfo=UTC))
    pem = authority.crt if isinstance(authority.crt, str) else authority.crt.decode()
    fingerprint = spki_fingerprint(pem)
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    der = x509.load_pem_x509_certificate(pem.encode()).public_bytes(Encoding.DER)
    assert fingerprint == checked_by_the_client(der)
    first, second = hint(["10.0.2.15/24", "fd00::5/64"], fingerprint)
    assert "10.0.2.15, fd00::5" in first and fingerprint in first
    assert "--nodes 10.0.2.15 --cert-fingerprint" in second
    assert "no address" in hint([], fingerprint)[0]
