"""States and times of the DHCPv4 client against a server that says what the test wants, with a clock of its own."""

from __future__ import annotations

import asyncio
import ipaddress
import logging
from collections.abc import AsyncIterator, Callable

import pytest
from tests.unit.state.fake_clock import FakeClock, settle

from talos.controllers.network.dhcp4_client import Dhcp4Client, Identity
from talos.linux import dhcp4
from talos.linux.dhcp4 import Message

IP = ipaddress.IPv4Address
MAC = b"\2\0\0\0\0\1"
SERVER = IP("10.0.0.1")


class Server:
    """The other end: keeps what is sent and answers with `replies`, a function of the request."""

    def __init__(self) -> None:
        self.seen: list[tuple[str, Message]] = []
        self.silent = False
        self.answer: dict[int, int] = {dhcp4.DISCOVER: dhcp4.OFFER, dhcp4.REQUEST: dhcp4.ACK}
        self.address = IP("10.0.0.7")
        self.lease_s = 3600
        self.closed = 0
        self._received: Callable[[IP, bytes], None] = lambda _source, _data: None

    def connect(self, received: Callable[[IP, bytes], None]) -> Server:
        self._received = received
        return self

    def broadcast(self, payload: bytes, source: IP) -> None:
        self._take("broadcast", payload)

    def unicast(self, payload: bytes, source: IP, server: IP) -> None:
        self._take("unicast", payload)

    def close(self) -> None:
        self.closed += 1

    def _take(self, way: str, payload: bytes) -> None:
        message = dhcp4.decode(payload)
        self.seen.append((way, message))
        if not self.silent and message.kind in self.answer:
            self.reply(message, self.answer[message.kind])

    def reply(self, request: Message, kind: int, **changes: int | IP) -> None:
        xid, server = int(changes.get("xid", request.xid)), changes.get("server", SERVER)
        options = {
            dhcp4.MESSAGE_TYPE: bytes((kind,)),
            dhcp4.SERVER_ID: IP(server).packed,
            dhcp4.SUBNET_MASK: IP("255.255.255.0").packed,
            dhcp4.LEASE_TIME: self.lease_s.to_bytes(4, "big"),
        }
        answer = Message(dhcp4.BOOTREPLY, xid, MAC, options, yours=IP(0) if kind == dhcp4.NAK else self.address)
        asyncio.get_running_loop().call_soon(self._received, SERVER, dhcp4.encode(answer))

    @property
    def kinds(self) -> list[tuple[str, int]]:
        return [(way, message.kind) for way, message in self.seen]


class Bench:
    def __init__(self, previous: IP | None = None) -> None:
        self.server, self.clock, self.changes = Server(), FakeClock(), 0
        self.client = Dhcp4Client(
            Identity(MAC, b"\1" + MAC, "node"), self.server.connect, self.clock, self._changed,
            logging.getLogger("dhcp"), previous,
        )  # fmt: skip
        self.task: asyncio.Task[None] | None = None

    def _changed(self) -> None:
        self.changes += 1

    def start(self) -> None:
        self.task = asyncio.get_running_loop().create_task(self.client.run())

    @property
    def address(self) -> str | None:
        return None if self.client.lease is None else str(self.client.lease.address)


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    made = Bench()
    yield made
    if made.task is not None:
        made.task.cancel()
        await asyncio.gather(made.task, return_exceptions=True)
        assert made.server.closed == 1


async def test_discover_offer_request_ack(bench: Bench) -> None:
    bench.start()
    await settle()
    assert bench.address == "10.0.0.7/24"
    assert bench.server.kinds == [("broadcast", dhcp4.DISCOVER), ("broadcast", dhcp4.REQUEST)]
    request = bench.server.seen[1][1]
    assert request.address(dhcp4.REQUESTED_ADDRESS) == IP("10.0.0.7")
    assert request.address(dhcp4.SERVER_ID) == SERVER
    assert request.options[dhcp4.CLIENT_ID] == b"\1" + MAC
    assert request.text(dhcp4.HOSTNAME) == "node"
    assert dhcp4.CLASSLESS_ROUTES in request.options[dhcp4.PARAMETERS]


async def test_a_silent_link_is_asked_less_and_less_often(bench: Bench) -> None:
    bench.server.silent = True
    bench.start()
    await bench.clock.advance(40)
    assert 5 <= len(bench.server.seen) <= 7
    await bench.clock.advance(640)
    assert len(bench.server.seen) <= 20
    assert {message.xid for _, message in bench.server.seen} == {bench.server.seen[0][1].xid}
    bench.server.silent = False
    await bench.clock.advance(80)
    assert bench.address == "10.0.0.7/24"


async def test_answers_to_others_do_not_count(bench: Bench) -> None:
    bench.server.silent = True
    bench.start()
    await settle()
    discover = bench.server.seen[0][1]
    bench.server.reply(discover, dhcp4.OFFER, xid=discover.xid ^ 1)
    bench.server.reply(discover, dhcp4.ACK)  # granted without having been asked for
    await settle()
    assert bench.address is None
    bench.server.reply(discover, dhcp4.OFFER)
    await settle()
    request = bench.server.seen[-1][1]
    assert request.kind == dhcp4.REQUEST
    bench.server.reply(request, dhcp4.ACK, server=IP("10.0.0.66"))
    await settle()
    assert bench.address is None
    bench.server.reply(request, dhcp4.ACK)
    await settle()
    assert bench.address == "10.0.0.7/24"


async def test_an_offer_that_is_taken_back(bench: Bench) -> None:
    bench.server.answer[dhcp4.REQUEST] = dhcp4.NAK
    bench.start()
    await settle()
    assert bench.address is None
    bench.server.answer[dhcp4.REQUEST] = dhcp4.ACK
    await bench.clock.advance(2)
    assert bench.address == "10.0.0.7/24"


async def test_renewal_is_asked_of_the_server_and_changes_nothing(bench: Bench) -> None:
    bench.start()
    await bench.clock.advance(1799)
    assert len(bench.server.seen) == 2
    await bench.clock.advance(2)
    way, renewal = bench.server.seen[2]
    assert (way, renewal.kind, renewal.client) == ("unicast", dhcp4.REQUEST, IP("10.0.0.7"))
    assert dhcp4.SERVER_ID not in renewal.options
    assert dhcp4.REQUESTED_ADDRESS not in renewal.options
    assert bench.changes == 1
    await bench.clock.advance(1800)
    assert len(bench.server.seen) == 4


async def test_without_answers_it_rebinds_and_at_the_end_begins_anew(bench: Bench) -> None:
    bench.start()
    await settle()
    bench.server.silent = True
    await bench.clock.advance(3140)
    assert {way for way, _ in bench.server.kinds[2:]} == {"unicast"}
    assert 3 <= len(bench.server.seen) - 2 <= 8
    await bench.clock.advance(20)
    assert bench.server.kinds[-1] == ("broadcast", dhcp4.REQUEST)
    assert bench.address == "10.0.0.7/24"
    await bench.clock.advance(441)
    assert bench.address is None
    assert bench.changes == 2
    assert bench.server.kinds[-1] == ("broadcast", dhcp4.DISCOVER)


async def test_a_refused_renewal_loses_the_address_at_once(bench: Bench) -> None:
    bench.start()
    await settle()
    bench.server.answer[dhcp4.REQUEST] = dhcp4.NAK
    await bench.clock.advance(1801)
    assert bench.address is None
    bench.server.answer[dhcp4.REQUEST] = dhcp4.ACK
    bench.server.address = IP("10.0.0.8")
    await bench.clock.advance(3)
    assert bench.address == "10.0.0.8/24"


async def test_after_the_carrier_was_away_the_address_is_verified(bench: Bench) -> None:
    bench.start()
    await settle()
    bench.client.verify()
    await settle()
    way, message = bench.server.seen[-1]
    assert (way, message.kind) == ("broadcast", dhcp4.REQUEST)
    assert message.address(dhcp4.REQUESTED_ADDRESS) == IP("10.0.0.7")
    assert dhcp4.SERVER_ID not in message.options
    bench.server.silent = True
    bench.client.verify()
    await bench.clock.advance(60)
    assert bench.address == "10.0.0.7/24", "no answer: the lease still runs"
    bench.server.silent = False
    bench.server.answer[dhcp4.REQUEST] = dhcp4.NAK  # another network
    bench.client.verify()
    await settle()
    assert bench.address is None


async def test_an_address_of_an_earlier_process_is_asked_for(bench: Bench) -> None:
    bench.client = Dhcp4Client(
        bench.client.identity, bench.server.connect, bench.clock, bench._changed, logging.getLogger("d"), IP("10.0.0.7")
    )
    assert not bench.client.settled
    bench.start()
    await settle()
    assert bench.server.kinds == [("broadcast", dhcp4.REQUEST)]
    assert (bench.address, bench.client.settled) == ("10.0.0.7/24", True)


async def test_duplicates_of_an_answer_wake_nobody(bench: Bench) -> None:
    bench.start()
    await settle()
    for _ in range(3):
        bench.server.reply(bench.server.seen[-1][1], dhcp4.ACK)
    await asyncio.wait_for(bench.clock.advance(100), 1)
    assert (len(bench.server.seen), bench.changes) == (2, 1)


async def test_release(bench: Bench) -> None:
    bench.start()
    await settle()
    bench.client.release()
    way, message = bench.server.seen[-1]
    assert (way, message.kind, message.client) == ("unicast", dhcp4.RELEASE, IP("10.0.0.7"))
    assert message.address(dhcp4.SERVER_ID) == SERVER
