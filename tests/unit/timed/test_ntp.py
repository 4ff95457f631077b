from __future__ import annotations

import struct
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talos.linux import ntp

NONCE = b"12345678"


def answer(
    received: float, sent: float, *, mode: int = 4, leap: int = 0, stratum: int = 2, nonce: bytes = NONCE
) -> bytes:
    head = struct.pack("!BBbb", leap << 6 | 4 << 3 | mode, stratum, 0, 0) + struct.pack("!II4s", 0, 0, b"RATE")
    return head + bytes(8) + nonce + struct.pack("!IIII", *ntp.to_ntp(received), *ntp.to_ntp(sent))


def test_offset_and_delay() -> None:
    # We are 100 s behind; the way takes 1 s there and 1 s back, the server thinks for 0.5 s.
    sample = ntp.parse(answer(1101.0, 1101.5), NONCE, 1000.0, 1002.5)
    assert sample.offset_s == pytest.approx(100.0, abs=1e-6)
    assert sample.delay_s == pytest.approx(2.0, abs=1e-6)


@given(st.floats(0, 2**33, allow_nan=False), st.floats(-1e6, 1e6))
def test_times_survive_the_format_in_every_era(moment: float, drift: float) -> None:
    assert ntp.from_ntp(*ntp.to_ntp(moment), moment + drift) == pytest.approx(moment, abs=1e-5)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"mode": 3}, "not from a server"),
        ({"nonce": b"87654321"}, "not asked"),
        ({"stratum": 0}, "refuses: RATE"),
        ({"leap": 3}, "not synchronized"),
        ({"stratum": 16}, "not synchronized"),
    ],
)
def test_answers_that_must_not_be_used(changes: dict[str, object], reason: str) -> None:
    now = time.time()
    with pytest.raises(ntp.NtpError, match=reason):
        ntp.parse(answer(now, now, **changes), NONCE, now, now)  # type: ignore[arg-type]


def test_short_answer() -> None:
    with pytest.raises(ntp.NtpError, match="47 bytes"):
        ntp.parse(bytes(47), NONCE, 0, 0)


def test_request_tells_nobody_our_clock() -> None:
    sent = ntp.request(NONCE)
    assert len(sent) == 48
    assert sent[0] == 4 << 3 | 3
    assert sent[1:40] == bytes(39)
    assert sent[40:] == NONCE
