"""Heads of HTTP requests: what is passed on says the same, what two readers could read differently is refused."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talos.talosctl.airgapped.head import MAX_HEAD, BadRequestError, Head, absolute, authority, parse

TOKENS = st.text(string.ascii_letters + string.digits + "!#$%&'*+-.^_`|~", min_size=1, max_size=12)
VALUES = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=30)
TARGETS = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=40)
SPECIAL = frozenset(("host", "connection", "content-length", "transfer-encoding"))
FIELDS = st.lists(st.tuples(TOKENS.filter(lambda name: name.lower() not in SPECIAL), VALUES), max_size=6)


@given(TOKENS, TARGETS, FIELDS)
def test_a_head_is_read_as_it_was_written(method: str, target: str, fields: list[tuple[str, str]]) -> None:
    lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in fields), "", ""]
    assert parse("\r\n".join(lines).encode("latin-1")) == Head(method, target, tuple(fields))


@given(st.binary(max_size=300))
def test_any_bytes_are_a_head_or_are_refused(data: bytes) -> None:
    for text in (data, data + b"\r\n\r\n", b"GET / HTTP/1.1\r\n" + data + b"\r\n\r\n"):
        try:
            head = parse(text)
        except BadRequestError:
            continue
        # What the next server gets has no line that the head did not have as a field.
        passed = head.passed_on("/", "h").decode("latin-1")
        assert passed.count("\n") == passed.count("\r") == passed.count("\r\n")
        assert parse(passed.encode("latin-1")).length == head.length


@given(st.text(max_size=60))
def test_any_text_is_a_server_or_is_refused(text: str) -> None:
    for read in (authority, absolute, lambda it: absolute(f"http://{it}")):
        try:
            host, port, *_ = read(text)
        except BadRequestError:
            continue
        assert host and 0 < port < 65536 and not set(host) & set("/ @?#\r\n")


def test_what_ends_with_this_connection_is_not_passed_on() -> None:
    text = (
        "GET http://a.example/x HTTP/1.1\r\nHost: b.example\r\nConnection: close, X-Private\r\nX-Private: 1\r\n"
        "Proxy-Authorization: Basic eDp5\r\nKeep: 1\r\nContent-Length: 0\r\n\r\n"
    )
    assert parse(text.encode()).passed_on("/x", "a.example", "10.0.0.9").decode().split("\r\n") == [
        "GET /x HTTP/1.1",
        "Host: a.example",
        "Keep: 1",
        "Content-Length: 0",
        "X-Forwarded-For: 10.0.0.9",
        "Via: 1.1 talosctl",
        "Connection: close",
        "",
        "",
    ]


def test_the_body_s_length_cannot_be_called_private_to_the_connection() -> None:
    """Left out, what follows would be the next request."""
    head = parse(b"POST / HTTP/1.1\r\nConnection: content-length\r\nContent-Length: 5\r\n\r\n")
    assert b"Content-Length: 5" in head.passed_on("/", "h")


@pytest.mark.parametrize(
    "lines",
    [
        "Content-Length: 1\r\nContent-Length: 2",
        "Content-Length: 1\r\nTransfer-Encoding: chunked",
        "Transfer-Encoding: gzip, chunked",
        "Content-Length: +1",
        "Content-Length : 1",
        "Host: a\r\nHost: b",
        "A: 1\r\n folded",
        "A: 1\nB: 2",
        "A",
    ],
)
def test_what_two_readers_could_read_differently_is_refused(lines: str) -> None:
    with pytest.raises(BadRequestError):
        parse(f"POST / HTTP/1.1\r\n{lines}\r\n\r\n".encode())


def test_a_head_is_bounded() -> None:
    with pytest.raises(BadRequestError, match=str(MAX_HEAD)):
        parse(b"GET / HTTP/1.1\r\nA: " + b"x" * MAX_HEAD + b"\r\n\r\n")


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("a.example:443", ("a.example", 443)),
        ("[2001:db8::1]:8443", ("2001:db8::1", 8443)),
        ("10.0.0.1:1", ("10.0.0.1", 1)),
    ],
)
def test_servers_by_name_and_by_address(text: str, server: tuple[str, int]) -> None:
    assert authority(text) == server
    assert absolute(f"http://{text}/p?q=1")[:2] == server
    for bad in ("a.example", "a.example:0", "a.example:65536", "u@a:1", "a b:1", "", ":1"):
        with pytest.raises(BadRequestError):
            authority(bad)
