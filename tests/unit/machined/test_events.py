"""The ring of events against a plain list as model."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talos.api import machine_pb2
from talos.machined.api import events as api
from talos.machined.events import Event, EventRing, EventsLostError
from talos.machined.node import Node
from talos.machined.rpc import Call


class Clock:
    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def publish(ring: EventRing, count: int) -> list[Event]:
    return [ring.publish(machine_pb2.TaskEvent(task=str(number))) for number in range(count)]


async def take(events: AsyncIterator[Event], count: int) -> list[Event]:
    found: list[Event] = []
    async for event in events:
        found.append(event)
        if len(found) == count:
            break
    return found


@given(st.integers(0, 30), st.integers(1, 12), st.integers(-2, 40))
def test_tail_is_the_end_of_what_the_ring_still_holds(count: int, capacity: int, tail: int) -> None:
    ring = EventRing(clock=Clock(), capacity=capacity)
    kept = publish(ring, count)[-capacity:]
    wanted = kept if tail < 0 else kept[max(0, len(kept) - tail) :]

    async def read() -> list[Event]:
        marker = ring.first_position(tail_events=tail)
        return await take(ring.read(marker), len(wanted)) if wanted else []

    assert asyncio.run(read()) == wanted


@given(st.integers(1, 20), st.integers(1, 10), st.integers(0, 19))
def test_tail_id_continues_after_the_named_event(count: int, capacity: int, index: int) -> None:
    ring = EventRing(clock=Clock(), capacity=capacity)
    events = publish(ring, count)
    index = min(index, count - 1)
    wanted = [event for event in events[-capacity:] if event.id > events[index].id]
    position = ring.first_position(tail_id=events[index].id)
    held = ring.snapshot()
    assert held[len(held) - (count - position) :] == wanted if wanted else position == count


def test_tail_seconds_counts_back_from_now() -> None:
    clock = Clock()
    ring = EventRing(clock=clock)
    publish(ring, 2)
    clock.now += 100
    recent = publish(ring, 3)
    clock.now += 5
    assert ring.snapshot()[ring.first_position(tail_seconds=10)] == recent[0]


async def test_a_reader_gets_what_comes_later() -> None:
    ring = EventRing()
    reader = asyncio.ensure_future(take(ring.read(ring.first_position()), 2))
    await asyncio.sleep(0)
    events = publish(ring, 2)
    assert await asyncio.wait_for(reader, 5) == events


async def test_a_reader_that_the_ring_ran_over_is_told() -> None:
    ring = EventRing(capacity=3)
    position = ring.first_position()
    publish(ring, 5)
    with pytest.raises(EventsLostError, match="2 events were lost"):
        await take(ring.read(position), 1)


def test_an_id_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="not an event id"):
        EventRing().first_position(tail_id="yesterday")


def test_type_url_is_the_contracts() -> None:
    event = EventRing().publish(machine_pb2.ServiceStateEvent(service="etcd"))
    assert event.type_url == "talos/runtime/machine.ServiceStateEvent"


async def test_a_stream_begins_with_an_answer_that_holds_no_event(make_node: Callable[..., Node]) -> None:
    """A client that waits for a reboot reads one answer before it asks, and throws it away."""
    node = make_node()
    old = node.events.publish(machine_pb2.TaskEvent(task="old"))
    call = Call(node, "/machine.MachineService/Events", frozenset({"os:reader"}))
    stream = api.events(call, machine_pb2.EventsRequest(with_actor_id="nobody's"))
    async with asyncio.timeout(5):
        first = await anext(stream)
    assert first.HasField("data") and not first.data.type_url and not first.data.value
    assert first.id > old.id
    await stream.aclose()
    answers = [answer async for answer in limited(api.events(call, machine_pb2.EventsRequest(tail_events=-1)), 2)]
    assert [answer.data.type_url for answer in answers] == ["", old.type_url]


async def limited(stream: Any, count: int) -> AsyncIterator[Any]:
    async with aclosing(stream):
        for _ in range(count):
            yield await anext(stream)
