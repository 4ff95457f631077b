"""kms-launch, as a process, asked as a node asks."""

from __future__ import annotations

import asyncio
import base64
import os
from typing import Any

import pytest
from grpclib import GRPCError, Status
from grpclib.client import UnaryUnaryMethod
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.talosctl.test_launch import launched, port_of

from talos.api import sidero_kms_pb2 as pb
from talos.grpc_channel import Channel
from talos.talosctl.kms import WrongDataError, seal, unseal
from talos.talosctl.main import run

KEY = bytes(range(32))
NODE = "b6b1a1d2-6e0f-4c43-9a52-7f3d6a0c1e11"


def _ask(port: int, *calls: tuple[str, str, bytes]) -> list[bytes | GRPCError]:
    async def main() -> list[bytes | GRPCError]:
        channel: Any = Channel("127.0.0.1", port)
        found: list[bytes | GRPCError] = []
        for method, node, data in calls:
            ask = UnaryUnaryMethod(channel, f"/sidero.kms.KMSService/{method}", pb.Request, pb.Response)
            try:
                found.append((await ask(pb.Request(node_uuid=node, data=data))).data)
            except GRPCError as error:
                found.append(error)
        channel.close()
        return found

    return asyncio.run(main())


def test_what_is_sealed_is_unsealed_for_that_node_and_with_that_key_only() -> None:
    secret, key = os.urandom(32), base64.b64encode(KEY).decode()
    with launched("kms-launch", "--kms-addr", "127.0.0.1:0", "--kms-key", key) as (process, said):
        assert "grpc://" in said
        port = port_of(said)
        (sealed,) = _ask(port, ("Seal", NODE, secret))
        assert isinstance(sealed, bytes) and secret not in sealed
        assert process.stdout is not None and NODE in process.stdout.readline()
        mine, other, changed, empty = _ask(
            port,
            ("Unseal", NODE.upper(), sealed),
            ("Unseal", NODE.replace("b", "c"), sealed),
            ("Unseal", NODE, sealed[:-1] + bytes([sealed[-1] ^ 1])),
            ("Seal", NODE, b""),
        )
    assert mine == secret
    for refused in (other, changed, empty):
        assert isinstance(refused, GRPCError) and refused.status is Status.INVALID_ARGUMENT
    with launched("kms-launch", "--kms-addr", "127.0.0.1:0", "--kms-key", key) as (_, said):
        assert _ask(port_of(said), ("Unseal", NODE, sealed)) == [secret]  # it keeps nothing that a restart could lose


@given(st.binary(min_size=1, max_size=4096), st.text(max_size=40))
def test_round_trip(data: bytes, node: str) -> None:
    assert unseal(KEY, node, seal(KEY, node, data)) == data


@given(st.binary(max_size=200))
def test_what_was_never_sealed(data: bytes) -> None:
    with pytest.raises(WrongDataError):
        unseal(KEY, NODE, data)


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        ([], "head -c 32"),
        (["--kms-key", "%"], "not base64"),
        (["--kms-key", "QQ=="], "1 bytes long"),
        (["--kms-key", base64.b64encode(KEY).decode(), "--kms-addr", "192.0.2.1"], "key server cannot be started"),
        (["--kms-key", base64.b64encode(KEY).decode(), "--kms-addr", "a:b"], "ADDRESS:PORT"),
    ],
)
def test_errors_say_what_to_do(flags: list[str], words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["kms-launch", *flags]) == 1
    assert words in capsys.readouterr().err
