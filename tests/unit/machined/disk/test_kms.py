"""Keys that a server keeps, against a server; and the network that the process which opens the disks makes."""

from __future__ import annotations

import asyncio
import base64
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.unit.kms_server import KeyServer
from tests.wires import Wire, needs, root, stop, wire

from talos.config.view.model import Encryption, EncryptionKey
from talos.controllers.network import physical
from talos.controllers.network.physical import is_physical
from talos.environment import NodeEnvironment
from talos.linux.cryptsetup import Cost, Luks
from talos.machined.disk import encryption, kms, luks
from talos.machined.disk.early_network import EarlyNetwork
from talos.machined.disk.encryption import Keys, KeyUnavailableError
from talos.machined.disk.luks import Opened

UUID = "4c4c4544-0042-3510-8053-b4c04f563232"
QUICK = Cost(iterations=4, memory_kib=32, threads=1)
PLAIN = EncryptionKey(0, "static", "open sesame")


@pytest.fixture
def server() -> Iterator[KeyServer]:
    made = KeyServer()
    with made.serving():
        yield made


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    (tmp_path / "uuid").write_text(f"{UUID.upper()}\n")
    return Keys(tmp_path / "uuid", tmp_path)


def key(server: KeyServer, slot: int = 1) -> EncryptionKey:
    return EncryptionKey(slot, "kms", endpoint=f"grpc://127.0.0.1:{server.port}")


def test_what_a_server_seals_it_gives_back_to_the_same_machine(server: KeyServer, keys: Keys, tmp_path: Path) -> None:
    value, token = keys.made(key(server), "STATE")
    assert keys.value(key(server), "STATE", token) == value and len(value) == 44
    assert value not in token.encode() and set(server.uuids) == {UUID}
    assert keys.made(key(server), "STATE")[0] != value
    (tmp_path / "other").write_text("ec2f8d14-7a9b-4d0e-9c7f-1d2e3f405162\n")
    with pytest.raises(KeyUnavailableError, match="PERMISSION_DENIED: this is another machine's key"):
        Keys(tmp_path / "other", tmp_path).value(key(server), "STATE", token)
    for broken in ("", "{}", '{"endpoint": 1}'):
        with pytest.raises(KeyUnavailableError):
            keys.value(key(server), "STATE", broken)


def test_a_server_that_cannot_be_trusted_with_a_key_gets_none(server: KeyServer, keys: Keys) -> None:
    server.mangle = True
    with pytest.raises(KeyUnavailableError, match="gives back something else"):
        keys.made(key(server), "STATE")
    server.refused.add(UUID)
    with pytest.raises(KeyUnavailableError, match="this machine is refused"):
        keys.made(key(server), "STATE")
    nobody = EncryptionKey(1, "kms", endpoint="grpc://127.0.0.1:1")
    with pytest.raises(KeyUnavailableError, match=r"the key server grpc://127\.0\.0\.1:1: "):
        keys.made(nobody, "STATE")


async def test_it_may_be_asked_from_within_an_event_loop(server: KeyServer, keys: Keys) -> None:
    value, token = keys.made(key(server), "STATE")
    assert await asyncio.to_thread(keys.value, key(server), "STATE", token) == value


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("grpc://10.0.0.1:4050", ("10.0.0.1", 4050, False)),
        ("10.0.0.1:4050", ("10.0.0.1", 4050, False)),
        ("https://kms.example", ("kms.example", 443, True)),
        ("grpcs://[fd00::1]:1", ("fd00::1", 1, True)),
    ],
)
def test_endpoints(text: str, found: tuple[str, int, bool]) -> None:
    made = kms.Endpoint.parse(text)
    assert (made.host, made.port, made.secure) == found


@pytest.mark.parametrize("text", ["", "ftp://a", "grpc://", "https://a:port", "https://[fd00"])
def test_what_is_no_endpoint_is_refused_with_the_configuration(text: str) -> None:
    with pytest.raises(kms.KmsError, match="no address of a key server"):
        kms.Endpoint.parse(text)
    wanted = {"EPHEMERAL": Encryption((EncryptionKey(3, "kms", endpoint=text),))}
    assert encryption.refusal(wanted).startswith("EPHEMERAL: key slot 3: ")


def test_a_slot_goes_to_another_server_and_back_to_a_passphrase(server: KeyServer, keys: Keys, tmp_path: Path) -> None:
    device = tmp_path / "device"
    with device.open("wb") as file:
        file.truncate(20 << 20)
    luks.make(device, "EPHEMERAL", Encryption((PLAIN, key(server))), keys, QUICK)
    by = Opened(device, 0, PLAIN, b"open sesame", "")

    def kept() -> encryption.Kept:
        with Luks.load(device) as header:
            assert header.opens(1, keys.value(key(server), "EPHEMERAL", header.token(1)))
            return msgspec.json.decode(header.token(1), type=encryption.Kept)

    assert kept().endpoint.endswith(f":{server.port}")
    other = KeyServer()
    with other.serving():
        wanted = Encryption((PLAIN, key(other)))
        assert luks.sync(device, "EPHEMERAL", wanted, keys, by, cost=QUICK) == []
        assert kept().endpoint.endswith(f":{other.port}")
        before = kept()
        assert luks.sync(device, "EPHEMERAL", wanted, keys, by, cost=QUICK) == [] and kept() == before
    (said,) = luks.sync(device, "EPHEMERAL", wanted, keys, by, cost=QUICK)  # nobody answers: it is left as it is
    assert said.startswith("key slot 1 (kms): the key server")
    assert luks.sync(device, "EPHEMERAL", Encryption((PLAIN,)), keys, by, cost=QUICK) == []
    assert luks.active_slots(device) == {0}


@pytest.fixture
def cable(monkeypatch: pytest.MonkeyPatch) -> Iterator[Wire]:
    monkeypatch.setattr(physical, "is_physical", lambda link: link.kind == "veth" or is_physical(link))
    with wire() as made:
        yield made


@root
@needs("dnsmasq")
@pytest.mark.parametrize("host", ["kms.test", "10.9.0.1"])
def test_a_network_is_brought_up_and_the_server_found_by_name(
    cable: Wire, keys: Keys, tmp_path: Path, host: str
) -> None:
    cable.execute(cable.peer, "ip", "address", "add", "10.9.0.1/24", "dev", "lan0")
    names = cable.start(
        cable.peer, "dnsmasq", "--no-daemon", "--conf-file=/dev/null", "--interface=lan0", "--bind-interfaces",
        f"--dhcp-leasefile={tmp_path}/leases", "--user=root", "--no-ping", "--dhcp-authoritative", "--log-facility=-",
        "--dhcp-range=10.9.0.50,10.9.0.60,255.255.255.0,2m", "--no-resolv", "--no-hosts",
        "--address=/kms.test/10.9.0.1",
    )  # fmt: skip
    server = KeyServer()
    wanted = EncryptionKey(1, "kms", endpoint=f"grpc://{host}:4050")
    entered: dict[str, Any] = {}

    async def serve() -> None:
        entered["serving"] = server.serving("10.9.0.1", 4050)
        entered["serving"].__enter__()

    async def body() -> None:
        def made() -> None:
            early = EarlyNetwork(NodeEnvironment(platform="metal", root=tmp_path))
            here = Keys(tmp_path / "uuid", tmp_path, network=early)
            value, token = here.made(wanted, "STATE")
            assert here.value(wanted, "STATE", token) == value
            if host == "kms.test":
                with pytest.raises(OSError, match=r"nosuch\.test cannot be resolved: 10\.9\.0\.1"):
                    early.resolve("nosuch.test")
            early.close()

        await asyncio.to_thread(made)

    cable.run(serve, cable.peer)
    try:
        cable.run(body)
    finally:
        entered["serving"].__exit__(None, None, None)
        stop(names)
    assert set(server.uuids) == {UUID}


def test_no_network_is_a_reason_and_no_standstill(tmp_path: Path, keys: Keys) -> None:
    class Without:
        def require(self, _state: Path | None, _meta: dict[int, bytes]) -> None:
            raise OSError("this machine has no address after 60 s")

        def resolve(self, host: str) -> list[str]:
            return socket.gethostbyname_ex(host)[2]

    alone = Keys(tmp_path / "uuid", tmp_path, network=Without())
    with pytest.raises(KeyUnavailableError, match="has no address"):
        alone.made(EncryptionKey(1, "kms", endpoint="grpc://10.0.0.1:1"), "STATE")


def test_our_own_key_server_and_the_node_agree(keys: Keys, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    secret = base64.b64encode(bytes(range(32))).decode()
    talosctl = Path(sys.executable).with_name("talosctl")
    server = subprocess.Popen([talosctl, "kms-launch", "--kms-addr", f"127.0.0.1:{port}", "--kms-key", secret])
    wanted = EncryptionKey(1, "kms", endpoint=f"grpc://127.0.0.1:{port}")
    try:
        end = time.monotonic() + 60
        while True:
            try:
                value, token = keys.made(wanted, "STATE")
                break
            except KeyUnavailableError:
                assert time.monotonic() < end and server.poll() is None
                time.sleep(0.1)
        assert keys.value(wanted, "STATE", token) == value
    finally:
        server.terminate()
        server.wait()
