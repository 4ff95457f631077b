"""The process: follows where the caches are, and serves them as one registry to whoever pulls images on this node.

It reads files and answers on the loopback, so it has no rights; what it hands out is checked by containerd against the
digest that it asked for. Pods on the host's network reach it as well: connections, times and sizes are bounded
(talos.imagecache.server).
"""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

from talos import service_process
from talos.imagecache.layout import Cache
from talos.imagecache.server import CacheServer
from talos.resources.cri import ImageCacheConfigSpec
from talos.state.follow import follow
from talos.state.interface import State

log = logging.getLogger("registryd")

HOST, PORT = "127.0.0.1", 3172


async def serve(state: State, host: str = HOST, port: int = PORT, root: Path = Path("/")) -> None:
    """Serve until cancelled. OSError when it cannot listen."""
    server = CacheServer((), host, port, say=log.info)

    def caches(spec: ImageCacheConfigSpec | None) -> None:
        roots = spec.roots if spec is not None else []
        server.caches = tuple(Cache(root / path.lstrip("/")) for path in roots)
        log.info("images come from %s", ", ".join(roots) or "nowhere")

    log.info("listening on %s:%d", host, server.server_address[1])
    serving = asyncio.create_task(asyncio.to_thread(server.serve_forever))
    try:
        await follow(state, ImageCacheConfigSpec, "image-cache", caches, log)
    finally:
        # Here, not in the loop: it would wait for the thread that waits for it.
        await asyncio.to_thread(server.shutdown)
        server.server_close()
        await serving


async def _run() -> None:
    from talos.state.remote import RemoteState

    await serve(RemoteState(service_process.STATE_SOCKET))


def main() -> int:
    """Run registryd in this process; returns 0 when it is told to stop."""
    return service_process.run(_run())
