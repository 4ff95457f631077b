"""Names of images, as people write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talos.imagecache.reference import BadReferenceError, parse

DIGEST = "sha256:" + "0f" * 32


@pytest.mark.parametrize(
    ("text", "full"),
    [
        ("busybox", "docker.io/library/busybox:latest"),
        ("index.docker.io/busybox", "docker.io/library/busybox:latest"),
        ("a/b:1.2", "docker.io/a/b:1.2"),
        ("ghcr.io/a/b/c:v1", "ghcr.io/a/b/c:v1"),
        ("localhost/a", "localhost/a:latest"),
        ("localhost:5000/a:x", "localhost:5000/a:x"),
        ("[::1]:5000/a:x", "[::1]:5000/a:x"),
        (f"a@{DIGEST}", f"docker.io/library/a@{DIGEST}"),
        (f"r.io/a:t@{DIGEST}", f"r.io/a:t@{DIGEST}"),
    ],
)
def test_what_is_left_out_is_filled_in(text: str, full: str) -> None:
    assert str(parse(text)) == full
    assert parse(full) == parse(text)


@pytest.mark.parametrize(
    "text", ["", "/", ":", "a:", "a@", "a@sha256:0", "A", "a b", "../a", "a//b", "r.io/", "a:b/c:d"]
)
def test_what_is_no_name_is_refused(text: str) -> None:
    with pytest.raises(BadReferenceError):
        parse(text)


@given(st.text(alphabet="aA0./:@-_[]% \n", max_size=40))
def test_a_name_never_leaves_its_folder(text: str) -> None:
    try:
        found = parse(text)
    except BadReferenceError:
        return
    assert ".." not in found.repository.split("/") and not found.repository.startswith("/")
    assert "/" not in found.tag and found.tag not in (".", "..")
    assert parse(str(found)) == found
