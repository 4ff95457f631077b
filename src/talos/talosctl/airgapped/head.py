"""The head of an HTTP/1.1 request: read, and written again for the server that it is for (RFC 9112).

Strict where proxies that are lenient were led to see another request than the server behind them: a body whose length
is said twice, white space before a colon, folded lines and bare line feeds are refused.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

MAX_HEAD = 16 << 10
"""bytes of request line and fields together"""
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_LINE = re.compile(rf"({_TOKEN}) ([!-~]+) HTTP/1\.([01])")
_FIELD = re.compile(rf"({_TOKEN}):[ \t]*([^\x00\r\n]*?)[ \t]*")
_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,252}[A-Za-z0-9.])?")
_HOP_BY_HOP = frozenset(
    ("connection", "keep-alive", "proxy-authorization", "proxy-connection", "te", "trailer", "upgrade")
)
"""fields for whom the connection ends in (RFC 9110 7.6.1); Transfer-Encoding stays, since bodies are passed on as is"""


class BadRequestError(ValueError):
    """It is no request that can be passed on; the text says why."""


@dataclass(frozen=True, slots=True)
class Head:
    """method, target as written, fields in order with their names as written."""

    method: str
    target: str
    fields: tuple[tuple[str, str], ...] = ()

    def values(self, name: str) -> list[str]:
        """Of each field of that name."""
        return [value for key, value in self.fields if key.lower() == name]

    @property
    def chunked(self) -> bool:
        """Whether a body follows in chunks (RFC 9112 7.1)."""
        return bool(self.values("transfer-encoding"))

    @property
    def length(self) -> int:
        """Bytes of the body that follows."""
        return int((self.values("content-length") or ["0"])[0])

    def passed_on(self, target: str, host: str, sender: str = "") -> bytes:
        """As the next server gets it: one request a connection. host: in place of the client's; sender: told to it."""
        named = {word.strip().lower() for value in self.values("connection") for word in value.split(",")}
        left_out = _HOP_BY_HOP | named - {"content-length", "transfer-encoding", "host"} | {"host"}
        fields = [("Host", host), *((key, value) for key, value in self.fields if key.lower() not in left_out)]
        fields += [("X-Forwarded-For", sender)] if sender else []
        fields += [("Via", "1.1 talosctl"), ("Connection", "close")]
        lines = [f"{self.method} {target} HTTP/1.1", *(f"{key}: {value}" for key, value in fields)]
        return "".join(f"{line}\r\n" for line in (*lines, "")).encode("latin-1")


def parse(data: bytes) -> Head:
    """A head with the empty line that ends it. BadRequestError."""
    if not data.endswith(b"\r\n\r\n") or len(data) > MAX_HEAD:
        raise BadRequestError(f"the request's head is cut off, or longer than {MAX_HEAD} bytes")
    first, *lines = data[:-4].decode("latin-1").split("\r\n")
    line = _LINE.fullmatch(first)
    if line is None:
        raise BadRequestError("the first line is no request line of HTTP/1.1")
    found = []
    for text in lines:
        field = _FIELD.fullmatch(text)
        if field is None:
            raise BadRequestError("a line of the head is no field")
        found.append((field[1], field[2]))
    head = Head(line[1], line[2], tuple(found))
    _check_body(head)
    return head


def _check_body(head: Head) -> None:
    """Its length must be said once, and so that everybody reads it alike (RFC 9112 6.3). BadRequestError."""
    codings, lengths = head.values("transfer-encoding"), head.values("content-length")
    if len(codings) + len(lengths) > 1 or len(head.values("host")) > 1:
        raise BadRequestError("the length of the body, or the host, is said twice")
    if codings and codings[0].lower() != "chunked":
        raise BadRequestError("the body is coded in another way than in chunks")
    if lengths and not re.fullmatch(r"[0-9]{1,18}", lengths[0]):
        raise BadRequestError("the length of the body is no number")


def authority(text: str, default_port: int | None = None) -> tuple[str, int]:
    """HOST:PORT, and HOST where there is a default (RFC 3986 3.2). BadRequestError."""
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[^:\[\]]+)(?::([0-9]{1,5}))?", text)
    if match is None or (match[2] is None and default_port is None):
        raise BadRequestError("name the server as HOST:PORT")
    port = int(match[2]) if match[2] is not None else default_port or 0
    host = match[1].strip("[]")
    if not 0 < port < 65536 or not (_HOST.fullmatch(host) or _is_address(host)):
        raise BadRequestError("name the server as HOST:PORT")
    return host, port


def absolute(target: str) -> tuple[str, int, str]:
    """Host, port and what the server there is asked for, of an http URL (RFC 9112 3.2.2). BadRequestError."""
    try:
        url = urlsplit(target)
    except ValueError as error:
        raise BadRequestError("the URL cannot be read") from error
    if url.scheme != "http" or not url.netloc:
        raise BadRequestError("this is a proxy: ask for http://HOST/..., and by CONNECT for what is encrypted")
    host, port = authority(url.netloc.rpartition("@")[2], 80)
    return host, port, (url.path or "/") + (f"?{url.query}" if url.query else "")


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True
