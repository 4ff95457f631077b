"""Where the API of a node or of a cluster is."""

from __future__ import annotations

DEFAULT_PORT = 50000
CONNECT_TIMEOUT_S = 10.0


def split_address(address: str) -> tuple[str, int]:
    """Host and port of `10.5.0.2`, `node:50001`, `fd00::1` or `[fd00::1]:50000`."""
    text = address.removeprefix("https://").rstrip("/")
    if text.startswith("["):
        host, _, rest = text[1:].partition("]")
        port = rest.removeprefix(":")
    elif text.count(":") == 1:
        host, _, port = text.partition(":")
    else:
        host, port = text, ""
    if not host or (port and not port.isdigit()):
        raise ValueError(f"endpoint {address!r} is not an address or host name")
    return host, int(port or DEFAULT_PORT)
