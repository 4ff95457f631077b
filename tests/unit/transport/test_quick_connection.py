"""The short way says and answers what h2 does, byte for byte, whatever arrives and however it is cut."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import Event
from h2.exceptions import ProtocolError
from hpack import Encoder
from hyperframe.frame import (
    ContinuationFrame,
    DataFrame,
    Frame,
    HeadersFrame,
    PingFrame,
    PriorityFrame,
    RstStreamFrame,
    WindowUpdateFrame,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talos.transport.header_block import RememberingDecoder
from talos.transport.quick_connection import QuickConnection

REQUEST = [
    (b":method", b"POST"),
    (b":scheme", b"https"),
    (b":path", b"/machine.MachineService/Version"),
    (b":authority", b"10.5.0.2:50000"),
    (b"te", b"trailers"),
    (b"content-type", b"application/grpc"),
]
BAD = [
    [*REQUEST, (b"connection", b"close")],
    [*REQUEST, (b"Upper", b"x")],
    [*REQUEST[1:]],
    [*REQUEST, (b":late", b"x")],
    [(b"grpc-status", b"0")],
]


def config() -> H2Configuration:
    return H2Configuration(
        client_side=False,
        header_encoding=None,
        validate_outbound_headers=False,
        normalize_inbound_headers=False,
        normalize_outbound_headers=False,
    )


def started(make: Callable[[], H2Connection]) -> H2Connection:
    connection = make()
    connection.decoder = RememberingDecoder()
    connection.initiate_connection()
    client = H2Connection(H2Configuration(client_side=True))
    client.initiate_connection()
    connection.receive_data(client.data_to_send())
    connection.data_to_send()
    return connection


def pair() -> tuple[H2Connection, H2Connection]:
    return started(lambda: H2Connection(config=config())), started(lambda: QuickConnection(config()))


def outcome(connection: H2Connection, data: bytes) -> tuple[object, bytes]:
    """Events or the fault, and what is to be sent."""
    said: object
    try:
        said = [(type(event).__name__, _fields(event)) for event in connection.receive_data(data)]
    except ProtocolError as error:
        said = type(error)
    return repr(said), connection.data_to_send()


def _fields(event: Event) -> dict[str, object]:
    """What an event says; of other events and frames in it, only that they are there (their texts may be addresses)."""
    return {
        name: type(value).__name__ if isinstance(value, Event | Frame) else value
        for name, value in vars(event).items()
    }


STREAMS = st.sampled_from([1, 3, 5, 7])
KINDS = ["request"] * 4 + ["data"] * 4 + ["bad", "more", "reset", "window", "ping", "priority"]


@st.composite
def frames(draw: st.DrawFn) -> bytes:
    """Frames of a client that mostly keeps the rules, and mostly says the same again."""
    encoder = Encoder()
    out: list[Frame] = []
    for _ in range(draw(st.integers(1, 12))):
        stream = draw(STREAMS)
        flags = draw(st.sets(st.sampled_from(["END_STREAM", "END_HEADERS", "PRIORITY", "PADDED"])))
        match draw(st.sampled_from(KINDS)):
            case "request":
                flags |= {"END_HEADERS"} if draw(st.integers(0, 5)) else set()
                flags -= {"PADDED"} if draw(st.booleans()) else set()
                out.append(HeadersFrame(stream, encoder.encode(REQUEST), flags=flags))
            case "bad":
                flags -= {"PADDED"}
                block = encoder.encode(draw(st.sampled_from(BAD)))
                out.append(HeadersFrame(stream, block, flags=flags | {"END_HEADERS"}))
            case "data":
                flags &= {"END_STREAM", "PADDED"}
                out.append(DataFrame(stream, draw(st.binary(max_size=40)), flags=flags))
            case "more":
                out.append(ContinuationFrame(stream, encoder.encode([(b"x", b"y")]), flags={"END_HEADERS"} & flags))
            case "reset":
                out.append(RstStreamFrame(stream, 8))
            case "window":
                out.append(WindowUpdateFrame(draw(st.sampled_from([0, stream])), draw(st.integers(1, 1 << 16))))
            case "ping":
                out.append(PingFrame(0, b"12345678"))
            case _:
                out.append(PriorityFrame(stream, depends_on=0, stream_weight=1))
    return b"".join(frame.serialize() for frame in out)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(frames(), st.lists(st.integers(1, 60), max_size=8))
def test_frames_mean_the_same_however_they_are_cut(data: bytes, cuts: list[int]) -> None:
    plain, quick = pair()
    for cut in [*cuts, len(data)]:
        part, data = data[:cut], data[cut:]
        expected = outcome(plain, part)
        assert outcome(quick, part) == expected
        if "Error" in str(expected[0]):
            return


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(frames(), st.integers(0, 400), st.integers(0, 255), st.integers(1, 80))
def test_damaged_bytes_mean_the_same(data: bytes, place: int, value: int, cut: int) -> None:
    damaged = bytearray(data)
    if damaged:
        damaged[place % len(damaged)] = value
    plain, quick = pair()
    for part in (bytes(damaged[:cut]), bytes(damaged[cut:])):
        expected = outcome(plain, part)
        assert outcome(quick, part) == expected
        if "Error" in str(expected[0]):
            return


def headers(encoder: Encoder, stream: int, fields: list[tuple[bytes, bytes]], *flags: str) -> bytes:
    return bytes(HeadersFrame(stream, encoder.encode(fields), flags=["END_HEADERS", *flags]).serialize())


def test_a_request_that_is_said_again_is_not_checked_again_and_trailers_are() -> None:
    """The same block as trailers has pseudo-headers, which only a request may have."""
    _, quick = pair()
    encoder = Encoder()
    first = headers(encoder, 1, REQUEST)
    again, third = (headers(encoder, stream, REQUEST) for stream in (3, 5))
    assert len(again) < len(first)
    assert len(quick.receive_data(first)) == 1
    assert isinstance(quick, QuickConnection) and not quick.decoder.passed  # its literals entered the table
    assert len(quick.receive_data(again)) == 1
    assert quick.decoder.passed
    events = quick.receive_data(third)
    assert events[0].headers == REQUEST  # type: ignore[union-attr]
    assert quick.config.validate_inbound_headers
    with pytest.raises(ProtocolError, match="pseudo-header"):
        quick.receive_data(headers(encoder, 5, REQUEST, "END_STREAM"))


def test_what_was_refused_once_is_refused_again() -> None:
    encoder = Encoder()
    for _ in range(2):
        _, quick = pair()
        with pytest.raises(ProtocolError):
            quick.receive_data(headers(encoder, 1, BAD[0]))
        assert isinstance(quick, QuickConnection) and not quick.decoder.passed


def test_a_change_of_the_table_forgets_what_was_accepted() -> None:
    _, quick = pair()
    encoder = Encoder()
    for stream in (1, 3, 5):
        quick.receive_data(headers(encoder, stream, REQUEST))
    assert isinstance(quick, QuickConnection) and quick.decoder.passed
    quick.receive_data(headers(encoder, 7, [*REQUEST, (b"node", b"10.5.0.3")]))
    assert not quick.decoder.passed
