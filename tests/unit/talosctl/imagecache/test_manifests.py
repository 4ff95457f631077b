"""Manifests as registries send them, and as nobody should."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talos.imagecache.layout import CacheError, media_type
from talos.talosctl.imagecache.fill import descriptors, fits

DIGEST = "sha256:" + "0f" * 32


@pytest.mark.parametrize(
    ("has", "wanted", "yes"),
    [
        ("linux/amd64", "linux/amd64", True),
        ("linux/arm64/v8", "linux/arm64", True),
        ("linux/arm64", "linux/arm64/v8", True),
        ("linux/arm/v7", "linux/arm", True),
        ("linux/arm/v7", "linux/arm/v6", False),
        ("linux/arm64/v8", "linux/arm", False),
        ("windows/amd64", "linux/amd64", False),
        ("unknown/unknown", "linux/amd64", False),
    ],
)
def test_platforms(has: str, wanted: str, yes: bool) -> None:
    assert fits(has, wanted) is yes


def test_descriptors() -> None:
    platform = {"os": "linux", "architecture": "arm", "variant": "v7"}
    entries = [{"digest": DIGEST, "size": 3, "platform": platform}, {"digest": DIGEST}]
    found = descriptors(json.dumps({"manifests": entries, "config": entries[0]}).encode(), "manifests")
    assert [(d.digest, d.size, d.platform) for d in found] == [
        (DIGEST, 3, "linux/arm/v7"),
        (DIGEST, 0, "unknown/unknown"),
    ]
    assert descriptors(json.dumps({"config": entries[0]}).encode(), "config") == found[:1]
    assert descriptors(b"{}", "layers") == []


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | st.just(DIGEST),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["digest", "size", "platform", "os", "variant", "mediaType", "layers", "manifests"]), inner
        )
    ),
    max_leaves=12,
)


@given(VALUES, st.sampled_from(["layers", "manifests", "config"]))
def test_any_json_is_read_or_refused(value: Any, key: str) -> None:
    data = json.dumps({key: value, "mediaType": value} if isinstance(value, list) else value).encode()
    for read in (media_type, lambda text: descriptors(text, key)):
        try:
            read(data)
        except CacheError:
            continue


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with pytest.raises(CacheError):
        media_type(data)


def test_what_lies_too_deep_is_refused() -> None:
    with pytest.raises(CacheError, match="not JSON"):
        media_type(b"[" * 200_000)
