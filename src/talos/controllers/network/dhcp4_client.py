"""DHCPv4 client of one link (RFC 2131, section 4.4): its states and times; the codec and the sockets are elsewhere.

Deviations, each because a machine waits for it to boot: no random wait before the first DISCOVER, the first repeat
after one second instead of four, and no ARP probe of a granted address (the server pings before it offers; a probe
would add seconds to every boot). The first acceptable offer is taken.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import random
from collections.abc import Callable
from typing import Protocol

from msgspec import Struct

from talos.linux import dhcp4
from talos.linux.dhcp4 import UNSPECIFIED, IPv4, Lease, Message
from talos.linux.packet_socket import UdpPacketSocket, unicast
from talos.state.clock import Clock

FIRST_REPEAT_S, LAST_REPEAT_S = 1.0, 64.0
REQUESTS = 4
"""of an offer, before another DISCOVER"""
LEAST_RENEWAL_REPEAT_S = 60.0
VERIFY_REQUESTS = 3
NAK_WAIT_S = 1.0


class Transport(Protocol):
    """How messages travel."""

    def broadcast(self, payload: bytes, source: IPv4) -> None: ...

    def unicast(self, payload: bytes, source: IPv4, server: IPv4) -> None: ...

    def close(self) -> None: ...


class LinkTransport:
    """A real link."""

    def __init__(self, name: str, index: int, received: Callable[[IPv4, bytes], None]) -> None:
        self._name = name
        self._socket = UdpPacketSocket(index, dhcp4.CLIENT_PORT, received)

    def broadcast(self, payload: bytes, source: IPv4) -> None:
        self._socket.broadcast(dhcp4.SERVER_PORT, payload, source)

    def unicast(self, payload: bytes, source: IPv4, server: IPv4) -> None:
        unicast(self._name, (source, dhcp4.CLIENT_PORT), (server, dhcp4.SERVER_PORT), payload)

    def close(self) -> None:
        self._socket.close()


class Identity(Struct, frozen=True):
    """Who asks: hardware address, option 61 (empty: not sent), host name (empty: not sent)."""

    hardware_address: bytes
    client_id: bytes = b""
    hostname: str = ""


class Dhcp4Client:
    """Keeps `lease` true; calls changed() whenever it is another one. `run` may be cancelled and run again."""

    def __init__(
        self,
        identity: Identity,
        connect: Callable[[Callable[[IPv4, bytes], None]], Transport],
        clock: Clock,
        changed: Callable[[], None],
        log: logging.Logger,
        previous: IPv4 | None = None,
    ) -> None:
        self.identity = identity
        self.lease: Lease | None = None
        self.settled = previous is None
        """False while it is not known whether the address that an earlier process had may be kept"""
        self._previous = previous
        self._connect = connect
        self._clock = clock
        self._changed = changed
        self._log = log
        self._transport: Transport | None = None
        self._granted_at = 0.0
        self._began = clock.monotonic()
        self._xid = 0
        self._answers: list[Message] = []
        self._wake: asyncio.Future[None] | None = None
        self._verify = False

    async def run(self) -> None:
        """Never returns."""
        self._transport = self._connect(self._received)
        try:
            while True:
                if self.lease is None:
                    await self._acquire()
                else:
                    await self._keep(self.lease)
        finally:
            self._transport.close()
            self._transport = None

    def verify(self) -> None:
        """The link was away: it may be another network now."""
        self._verify = True
        self._wake_up()

    def release(self) -> None:
        """Give the address back (RFC 2131, section 4.4.6): nobody answers, so nothing is waited for."""
        if self.lease is None:
            return
        address, server = self.lease.address.ip, self.lease.server
        message = self._message(dhcp4.RELEASE, {dhcp4.SERVER_ID: server.packed}, client=address, wanted=False)
        transport = self._transport or self._connect(lambda _source, _data: None)
        try:
            transport.unicast(dhcp4.encode(message), address, server)
            self._log.info("released %s", address)
        except OSError as error:
            self._log.debug("release %s: %s", address, error)
        finally:
            if transport is not self._transport:
                transport.close()
        self.lease = None

    # -- INIT, SELECTING, REQUESTING, INIT-REBOOT --

    async def _acquire(self) -> None:
        self._began = self._clock.monotonic()
        if self._previous is not None:
            previous, self._previous = self._previous, None
            if await self._verified(previous):
                return
            self.settled = True
            self._changed()
        self._new_transaction()
        repeat = FIRST_REPEAT_S
        while True:
            self._broadcast(self._message(dhcp4.DISCOVER, {}))
            offer = await self._answer({dhcp4.OFFER}, _jitter(repeat))
            if offer is not None:
                break
            repeat = min(repeat * 2, LAST_REPEAT_S)
        granted = dhcp4.lease(offer)
        assert granted is not None
        options = {dhcp4.REQUESTED_ADDRESS: granted.address.ip.packed, dhcp4.SERVER_ID: granted.server.packed}
        repeat = FIRST_REPEAT_S
        for _ in range(REQUESTS):
            sent = self._clock.monotonic()
            self._broadcast(self._message(dhcp4.REQUEST, options))
            answer = await self._answer({dhcp4.ACK, dhcp4.NAK}, _jitter(repeat), server=granted.server)
            if answer is not None:
                if answer.kind == dhcp4.ACK:
                    self._bind(answer, sent)
                else:
                    self._log.warning("server %s takes its offer of %s back", granted.server, granted.address.ip)
                    await self._clock.sleep(NAK_WAIT_S)
                return
            repeat *= 2

    async def _verified(self, address: IPv4) -> bool:
        """INIT-REBOOT: whether some server still lets us have an address."""
        self._new_transaction()
        repeat = FIRST_REPEAT_S
        for _ in range(VERIFY_REQUESTS):
            sent = self._clock.monotonic()
            self._broadcast(self._message(dhcp4.REQUEST, {dhcp4.REQUESTED_ADDRESS: address.packed}))
            answer = await self._answer({dhcp4.ACK, dhcp4.NAK}, _jitter(repeat))
            if answer is not None and answer.kind == dhcp4.ACK:
                self._bind(answer, sent)
                return True
            if answer is not None:
                self._lose("is refused by the server")
                return False
            repeat *= 2
        return False

    # -- BOUND, RENEWING, REBINDING --

    async def _keep(self, held: Lease) -> None:
        """Until something about the lease changes."""
        if self._verify:
            self._verify = False
            await self._verified(held.address.ip)  # no answer: the lease is good until it ends (section 3.2)
            return
        if held.lease_s is None:
            await self._wait(None)
            return
        now = self._clock.monotonic()
        renew, rebind, end = (self._granted_at + after for after in (held.renew_s, held.rebind_s, held.lease_s))
        if now >= end:
            self._lose("has run out")
        elif now < renew:
            await self._wait(renew - now)
        else:
            await self._extend(held, rebinding=now >= rebind, until=rebind if now < rebind else end)

    async def _extend(self, held: Lease, *, rebinding: bool, until: float) -> None:
        """One REQUEST to renew (to the server) or rebind (to all), and half of the time left for its answer."""
        self._new_transaction()
        sent = self._clock.monotonic()
        address = held.address.ip
        message = self._message(dhcp4.REQUEST, {}, client=address)
        if rebinding:
            self._broadcast(message, address)
        else:
            self._unicast(message, address, held.server)
        left = until - sent
        wait = left if left <= LEAST_RENEWAL_REPEAT_S else max(left / 2, LEAST_RENEWAL_REPEAT_S)
        answer = await self._answer({dhcp4.ACK, dhcp4.NAK}, wait)
        if answer is None:
            return
        if answer.kind == dhcp4.NAK:
            self._lose("is refused by the server")
        else:
            self._bind(answer, sent)

    def _bind(self, ack: Message, sent: float) -> None:
        granted = dhcp4.lease(ack)
        assert granted is not None
        self._granted_at = sent
        self.settled = True
        self._new_transaction()  # a second copy of this answer is none to whatever is asked next
        if granted != self.lease:
            until = "for ever" if granted.lease_s is None else f"for {granted.lease_s:.0f} s"
            self._log.info("%s from %s %s", granted.address, granted.server, until)
            self.lease = granted
            self._changed()

    def _lose(self, why: str) -> None:
        self._new_transaction()
        if self.lease is not None:
            self._log.warning("the lease of %s %s", self.lease.address.ip, why)
            self.lease = None
            self._changed()

    # -- messages --

    def _new_transaction(self) -> None:
        self._xid = random.getrandbits(32)
        self._answers.clear()

    def _message(
        self, kind: int, options: dict[int, bytes], *, client: IPv4 = UNSPECIFIED, wanted: bool = True
    ) -> Message:
        all_options = {dhcp4.MESSAGE_TYPE: bytes((kind,))}
        if self.identity.client_id:
            all_options[dhcp4.CLIENT_ID] = self.identity.client_id
        all_options |= options
        if wanted:
            all_options[dhcp4.MAX_SIZE] = (1472).to_bytes(2, "big")
            if self.identity.hostname:
                all_options[dhcp4.HOSTNAME] = self.identity.hostname.encode()
            all_options[dhcp4.PARAMETERS] = bytes(dhcp4.WANTED)
        seconds = int(self._clock.monotonic() - self._began)
        return Message(
            dhcp4.BOOTREQUEST, self._xid, self.identity.hardware_address, all_options, seconds=seconds, client=client
        )

    def _broadcast(self, message: Message, source: IPv4 = UNSPECIFIED) -> None:
        assert self._transport is not None
        try:
            self._transport.broadcast(dhcp4.encode(message), source)
        except OSError as error:
            self._log.debug("sending: %s", error)  # a link that is down: the next repeat tries again

    def _unicast(self, message: Message, source: IPv4, server: IPv4) -> None:
        assert self._transport is not None
        try:
            self._transport.unicast(dhcp4.encode(message), source, server)
        except OSError as error:
            self._log.debug("sending to %s: %s", server, error)

    def _received(self, _source: ipaddress.IPv4Address, data: bytes) -> None:
        try:
            message = dhcp4.decode(data)
        except dhcp4.Dhcp4Error as error:
            self._log.debug("ignored: %s", error)
            return
        if (
            message.op == dhcp4.BOOTREPLY
            and message.xid == self._xid
            and message.hardware_address == self.identity.hardware_address
            and message.kind
        ):
            self._answers.append(message)
            self._wake_up()

    async def _answer(self, kinds: set[int], timeout_s: float, *, server: IPv4 | None = None) -> Message | None:
        """The first answer of these kinds to this transaction; an OFFER or ACK must grant something."""
        end = self._clock.monotonic() + timeout_s
        while True:
            while self._answers:
                found = self._answers.pop(0)
                right = server is None or found.address(dhcp4.SERVER_ID) == server
                if found.kind in kinds and right and (found.kind == dhcp4.NAK or dhcp4.lease(found) is not None):
                    return found
            left = end - self._clock.monotonic()
            if left <= 0:
                return None
            await self._wait(left)

    async def _wait(self, seconds: float | None) -> None:
        """Until woken or seconds have passed."""
        self._wake = asyncio.get_running_loop().create_future()
        timer = self._clock.call_later(seconds, self._wake_up) if seconds is not None else None
        try:
            if not self._answers:
                await self._wake
        finally:
            self._wake = None
            if timer is not None:
                timer.cancel()

    def _wake_up(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)


def _jitter(seconds: float) -> float:
    """Machines that got power at the same time must not stay in step."""
    return seconds * random.uniform(0.85, 1.15)
