"""A registry of a handful of images, for reading only (OCI distribution specification)."""

from __future__ import annotations

import re
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from images import MANIFEST, Image

_MANIFEST = re.compile(r"^/v2/(?P<repository>.+)/manifests/(?P<reference>[^/?]+)")
_BLOB = re.compile(r"^/v2/.+/blobs/(?P<digest>sha256:[0-9a-f]{64})")


class Registry:
    """Listens on one address until closed. `missing` holds what was asked for and is not there, as repository:tag."""

    def __init__(self, host: str, images: list[Image]) -> None:
        self.missing: set[str] = set()
        self._manifests = {(i.repository, name): i.manifest for i in images for name in (i.tag, i.manifest)}
        self._blobs = {key: blob for i in images for key, blob in i.blobs.items()}
        registry = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                registry.answer(self)

            do_HEAD = do_GET

            def log_message(self, format: str, *args: object) -> None:
                """No line per request."""

        self._server = ThreadingHTTPServer((host, 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        host, port = self._server.server_address[:2]
        return f"http://{host!s}:{port}"

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        found: bytes | None = None
        kind = "application/octet-stream"
        name = ""
        if request.path.rstrip("/") == "/v2":
            found = b"{}"
        elif match := _MANIFEST.match(request.path):
            key = self._manifests.get((match["repository"], match["reference"]), "")
            found, kind, name = self._blobs.get(key), MANIFEST, key
            if found is None:
                self.missing.add(f"{match['repository']}:{match['reference']}")
        elif match := _BLOB.match(request.path):
            found, name = self._blobs.get(match["digest"]), match["digest"]
        body = found if found is not None else b'{"errors":[{"code":"NOT_FOUND"}]}'
        request.send_response(200 if found is not None else 404)
        request.send_header("Content-Type", kind)
        request.send_header("Content-Length", str(len(body)))
        if name:
            request.send_header("Docker-Content-Digest", name)
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
