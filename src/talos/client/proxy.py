"""To an endpoint through a context's proxy (`proxy-url`): HTTP CONNECT (RFC 9110, 9.3.6) or SOCKS 5 (RFC 1928, 1929).

What goes through is the same TLS between us and the node: the proxy sees the endpoint's name and bytes. Proxies of the
environment (HTTPS_PROXY) are not used: they are there for the Internet, and nodes of a local cluster are none of it.
"""

from __future__ import annotations

import base64
import ipaddress
import socket
from urllib.parse import unquote, urlsplit

SCHEMES = {"http": 80, "socks5": 1080, "socks5h": 1080}
_ANSWER_BYTES = 8192
_SOCKS_FAILURES = {
    1: "general failure", 2: "not allowed by its rules", 3: "network unreachable", 4: "host unreachable",
    5: "connection refused", 6: "TTL expired", 7: "command not supported", 8: "address type not supported",
}


class ProxyError(OSError):
    """The proxy did not connect us."""


def check(url: str) -> str:
    """ "" for a URL that `connect` understands, else what is wrong with it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        return f"{url!r} is no URL: {error}"
    if parts.scheme not in SCHEMES:
        return f"{url!r}: a proxy is reached by http:// or socks5://"
    if not parts.hostname or port == 0 or parts.path not in ("", "/"):
        return f"{url!r}: write {parts.scheme}://[USER:PASSWORD@]HOST[:PORT]"
    return ""


def connect(url: str, host: str, port: int, timeout_s: float) -> socket.socket:
    """A connection to the endpoint, blocking. ProxyError, OSError."""
    if wrong := check(url):
        raise ProxyError(f"proxy-url {wrong}")
    parts = urlsplit(url)
    name = f"the proxy {parts.hostname}:{parts.port or SCHEMES[parts.scheme]}"
    user = (unquote(parts.username or ""), unquote(parts.password or ""))
    try:
        sock = socket.create_connection((str(parts.hostname), parts.port or SCHEMES[parts.scheme]), timeout_s)
    except OSError as error:
        raise ProxyError(f"{name}: {error.strerror or error}") from error
    try:
        (_http if parts.scheme == "http" else _socks)(sock, host, port, user)
    except ProxyError as error:
        sock.close()
        raise ProxyError(f"{name} does not connect to {host}:{port}: {error}") from error
    except OSError as error:
        sock.close()
        raise ProxyError(f"{name}: {error.strerror or error or 'no answer in time'}") from error
    return sock


def _http(sock: socket.socket, host: str, port: int, user: tuple[str, str]) -> None:
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    lines = [f"CONNECT {target} HTTP/1.1", f"Host: {target}"]
    if user[0]:
        lines.append(f"Proxy-Authorization: Basic {base64.b64encode(':'.join(user).encode()).decode()}")
    sock.sendall("".join(f"{line}\r\n" for line in (*lines, "")).encode())
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        # One by one: what follows the answer is the endpoint's already.
        byte = sock.recv(1)
        if not byte or len(answer) > _ANSWER_BYTES:
            raise ProxyError("its answer is none of HTTP" if answer else "it closed the connection")
        answer += byte
    status = answer.split(b"\r\n", 1)[0].decode("latin-1")
    code = status.split(" ")[1:2]
    if not status.startswith("HTTP/1.") or not code or not (len(code[0]) == 3 and code[0].startswith("2")):
        raise ProxyError(f"it answers {''.join(c if c.isprintable() else '?' for c in status[:100])!r}")


def _socks(sock: socket.socket, host: str, port: int, user: tuple[str, str]) -> None:
    methods = b"\0\2" if user[0] else b"\0"
    sock.sendall(bytes((5, len(methods))) + methods)
    version, method = _exactly(sock, 2)
    if version != 5:
        raise ProxyError("it does not speak SOCKS 5")
    if method == 2 and user[0]:
        name, password = (text.encode()[:255] for text in user)
        sock.sendall(bytes((1, len(name))) + name + bytes((len(password),)) + password)
        if _exactly(sock, 2)[1] != 0:
            raise ProxyError("it does not accept user and password")
    elif method != 0:
        raise ProxyError("it asks for user and password: write them into proxy-url")
    sock.sendall(b"\x05\x01\0" + _address(host) + port.to_bytes(2, "big"))
    _, failure, _, kind = _exactly(sock, 4)
    if failure:
        raise ProxyError(_SOCKS_FAILURES.get(failure, f"failure {failure}"))
    size = {1: 4, 4: 16}.get(kind) or _exactly(sock, 1)[0]
    _exactly(sock, size + 2)


def _address(host: str) -> bytes:
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        name = host.encode("idna")[:255]  # resolved by the proxy
        return bytes((3, len(name))) + name
    return bytes((1 if ip.version == 4 else 4,)) + ip.packed


def _exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise ProxyError("it closed the connection")
        data += more
    return data
