"""Health checks of services.

The first answer decides how soon dependants start, so until it comes the check is repeated quickly, with pauses that
grow from FIRST_PAUSE_S to the period; afterwards it runs once a period.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from msgspec import Struct

FIRST_PAUSE_S = 0.02


class HealthCheck(Struct, frozen=True):
    """`check()` returns for healthy and raises, with a reason, for not healthy. Times in seconds."""

    check: Callable[[], Awaitable[object]]
    period_s: float = 5.0
    timeout_s: float = 0.5

    async def once(self) -> str:
        """ "" for healthy, otherwise the reason."""
        try:
            await asyncio.wait_for(self.check(), self.timeout_s)
        except TimeoutError:
            return f"no answer within {self.timeout_s:g} s"
        except asyncio.CancelledError:
            raise
        except Exception as error:
            return str(error) or type(error).__name__
        return ""

    def pause(self, failures: int, ever_healthy: bool) -> float:
        """Seconds until the next check after so many failures in a row."""
        if ever_healthy:
            return self.period_s
        return min(FIRST_PAUSE_S * 1.5 ** min(failures, 40), self.period_s, 1.0)


async def tcp_answers(host: str, port: int) -> None:
    """A TCP connection is accepted."""
    _reader, writer = await asyncio.open_connection(host, port)
    writer.close()
    await writer.wait_closed()


async def unix_answers(path: Path) -> None:
    """A connection to a unix socket is accepted."""
    _reader, writer = await asyncio.open_unix_connection(str(path))
    writer.close()
    await writer.wait_closed()


async def http_ok(host: str, port: int, path: str) -> None:
    """GET answers with status 200 (HTTP/1.1, no TLS)."""
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        status = await reader.readline()
        fields = status.split(b" ", 2)
        if len(fields) < 2 or fields[1] != b"200":
            raise ConnectionError(f"http://{host}:{port}{path} answered {status.decode(errors='replace').strip()!r}")
    finally:
        writer.close()
