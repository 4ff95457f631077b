"""Decompression: what zstd(1) makes comes back, nonsense and bombs are refused."""

from __future__ import annotations

import shutil
import subprocess

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from talos.linux.zstd import ZstdError, decompress

LIMIT = 1 << 20
pytestmark = pytest.mark.skipif(shutil.which("zstd") is None, reason="needs zstd")


def packed(data: bytes) -> bytes:
    return subprocess.run(["zstd", "-19", "--check"], input=data, capture_output=True, check=True).stdout


@pytest.mark.parametrize("data", [b"", b"x", b"a configuration " * 3000])
def test_what_was_compressed_from_a_pipe_comes_back(data: bytes) -> None:
    assert decompress(packed(data), LIMIT) == data


def test_more_than_is_allowed_is_refused() -> None:
    with pytest.raises(ZstdError, match="longer than 1 MiB"):
        decompress(packed(bytes(2 << 20)), LIMIT)


@given(st.binary(max_size=200))
@example(b"\x28\xb5\x2f\xfd")
def test_nonsense_is_refused(data: bytes) -> None:
    try:
        assert len(decompress(data, LIMIT)) <= LIMIT
    except ZstdError as error:
        assert str(error)
