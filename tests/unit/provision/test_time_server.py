"""The time server of --bad-rtc: what it answers, to whom it answers nothing, and the process that it is."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talos.linux import ntp
from talos.provision import time_server
from talos.provision.model import ClusterDirectory, ProvisionError

from .test_log_receiver import model

MOMENTS = st.floats(0, 2**32, allow_nan=False)


@given(st.binary(min_size=8, max_size=8), MOMENTS, st.floats(0, 1), st.floats(-1e9, 1e9))
def test_our_own_client_takes_the_answer(nonce: bytes, received: float, thinking: float, behind: float) -> None:
    answer = time_server.answer(ntp.request(nonce), received, received + thinking)
    assert answer is not None
    # A client behind by so much, as far away as nothing: what it must add to its clock.
    sample = ntp.parse(answer, nonce, received - behind, received + thinking - behind)
    assert sample.offset_s == pytest.approx(behind, abs=1e-3)
    assert sample.delay_s == pytest.approx(0, abs=1e-3)
    assert sample.stratum == time_server.STRATUM


@given(st.binary(max_size=200), MOMENTS)
def test_anything_is_answered_by_no_more_than_it_was_long_or_not_at_all(data: bytes, now: float) -> None:
    answer = time_server.answer(data, now, now)
    if len(data) < 48 or data[0] & 7 != 3 or not 1 <= data[0] >> 3 & 7 <= 4:
        assert answer is None
    else:
        assert answer is not None and len(answer) == 48
        assert answer[24:32] == data[40:48]
        assert (answer[0] >> 6, answer[0] >> 3 & 7, answer[0] & 7) == (0, data[0] >> 3 & 7, 4)


@pytest.mark.parametrize("first", [0o43, 0o33, 0o23, 0o13])
def test_every_version_is_answered_as_itself(first: int) -> None:
    answer = time_server.answer(bytes([first]) + bytes(47), 0, 0)
    assert answer is not None and answer[0] == first + 1


@pytest.mark.parametrize("mode", [0, 1, 2, 4, 5, 6, 7])
def test_other_modes_are_not_answered(mode: int) -> None:
    """Among them a server's own answer: two of them would answer each other for ever."""
    assert time_server.answer(bytes([4 << 3 | mode]) + bytes(47), 0, 0) is None


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_the_process_answers_and_a_port_that_is_taken_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    directory = ClusterDirectory(tmp_path, "c")
    directory.path.mkdir()
    with socket.socket(family, socket.SOCK_DGRAM) as taken:
        taken.bind((address, 0))
        monkeypatch.setattr(time_server, "PORT", taken.getsockname()[1])
        monkeypatch.setattr(ntp, "PORT", taken.getsockname()[1])
        with pytest.raises(ProvisionError, match=r"--bad-rtc: the time server .* in use"):
            time_server.start(directory, model(address))
    try:
        time_server.start(directory, model(address))
        with socket.socket(family, socket.SOCK_DGRAM) as stranger:
            stranger.sendto(b"nonsense", (address, time_server.PORT))
        assert abs(asyncio.run(ntp.query(address, 30)).offset_s) < 5
        assert not directory.foreign()
    finally:
        time_server.kill(directory)
    time_server.kill(directory)  # destroy may be run again
