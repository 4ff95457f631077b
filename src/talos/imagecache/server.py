"""Serving an image cache: the part of a registry's API that pulls need (OCI distribution specification 1.1, «Pull»).

A thread a connection: few nodes ask, each for large files, and the operating system copies those. containerd says in
`ns` which registry it means, since a mirror stands for many; who does not say gets the first that has the image.
"""

from __future__ import annotations

import json
import re
import socket
import ssl
import sys
import threading
import urllib.parse
from collections.abc import Callable, Iterator, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, BinaryIO

from talos.imagecache import layout, reference
from talos.imagecache.layout import Cache, CacheError

IDLE_S = 60.0
"""a connection that says nothing for so long is closed"""
MAX_CONNECTIONS = 128
"""a thread each; more are closed at once"""
_PATH = re.compile(r"/v2/(?P<name>.+)/(?P<kind>manifests|blobs)/(?P<reference>[^/]+)")
_RANGE = re.compile(r"bytes=(\d+)-(\d*)")


class Handler(BaseHTTPRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    server_version = "talosctl"
    sys_version = ""
    timeout = IDLE_S
    server: CacheServer

    def setup(self) -> None:
        # Here, not where connections are accepted: a client that never finishes its handshake must hold up nobody.
        if self.server.tls is not None:
            self.request.settimeout(IDLE_S)
            self.request = self.server.tls.wrap_socket(self.request, server_side=True)
        super().setup()

    def do_GET(self) -> None:
        self._answer(body=True)

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def _answer(self, *, body: bool) -> None:
        url = urllib.parse.urlsplit(self.path)
        path = urllib.parse.unquote(url.path)
        if path in ("/v2", "/v2/", "/healthz"):
            self._send(HTTPStatus.OK, b"{}", {"Content-Type": "application/json"}, body=body)
            return
        match = _PATH.fullmatch(path)
        if match is None or not reference.is_repository(match["name"]):
            self._error(HTTPStatus.NOT_FOUND, "NAME_UNKNOWN", "this is a registry: /v2/NAME/manifests or /blobs", body)
            return
        ns = urllib.parse.parse_qs(url.query).get("ns", [""])[0]
        try:
            if match["kind"] == "blobs":
                self._blob(match["reference"], body=body)
            else:
                self._manifest(ns, match["name"], match["reference"], body=body)
        except OSError as error:
            if isinstance(error, ConnectionError | TimeoutError | ssl.SSLError):
                raise
            self.log_error("%s", error)
            self._error(HTTPStatus.INTERNAL_SERVER_ERROR, "UNKNOWN", "the cache cannot be read", body)

    def _manifest(self, ns: str, name: str, wanted: str, *, body: bool) -> None:
        if not (reference.is_tag(wanted) or reference.is_digest(wanted)):
            self._error(HTTPStatus.BAD_REQUEST, "TAG_INVALID", "neither a tag nor a digest", body)
            return
        if ns and not reference.is_host(ns):
            self._error(HTTPStatus.BAD_REQUEST, "NAME_INVALID", "ns is no registry", body)
            return
        for path in self._manifests(ns, name, wanted):
            if not path.is_file():
                continue
            data = path.read_bytes()
            try:
                kind = layout.media_type(data)
            except CacheError as error:
                self.log_error("%s: %s", path, error)
                continue
            headers = {"Content-Type": kind, "Docker-Content-Digest": layout.digest_of(data)}
            self._send(HTTPStatus.OK, data, headers, body=body)
            return
        self._error(
            HTTPStatus.NOT_FOUND, "MANIFEST_UNKNOWN", f"{ns or 'any registry'}/{name} {wanted} is not here", body
        )

    def _manifests(self, ns: str, name: str, wanted: str) -> Iterator[Path]:
        """Where it can be, in each cache."""
        for cache in self.server.caches:
            for registry in [ns] if ns else cache.registries():
                yield cache.manifest(registry, name, wanted)

    def _blob(self, digest: str, *, body: bool) -> None:
        found = (cache.blob(digest) for cache in self.server.caches) if reference.is_digest(digest) else ()
        path = next((one for one in found if one.is_file()), None)
        if path is None:
            self._error(HTTPStatus.NOT_FOUND, "BLOB_UNKNOWN", f"{digest} is not in this cache", body)
            return
        with path.open("rb") as file:
            size = path.stat().st_size
            headers = {
                "Content-Type": "application/octet-stream",
                "Docker-Content-Digest": digest,
                "Accept-Ranges": "bytes",
            }
            begin, end, status = 0, size, HTTPStatus.OK
            if asked := _RANGE.fullmatch(self.headers.get("Range", "")):
                begin, end = int(asked[1]), min(int(asked[2]) + 1 if asked[2] else size, size)
                if begin >= end:
                    headers = {"Content-Range": f"bytes */{size}"}
                    self._send(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE, b"", headers, body=body)
                    return
                headers["Content-Range"] = f"bytes {begin}-{end - 1}/{size}"
                status = HTTPStatus.PARTIAL_CONTENT
            self._head(status, end - begin, headers)
            if body and begin < end:
                self._copy(file, begin, end - begin)

    def _copy(self, file: BinaryIO, begin: int, length: int) -> None:
        if self.server.tls is None:  # the kernel copies
            self.connection.sendfile(file, begin, length)
            return
        file.seek(begin)
        while length > 0 and (chunk := file.read(min(length, layout.BLOCK))):
            self.wfile.write(chunk)
            length -= len(chunk)

    def _head(self, status: HTTPStatus, length: int, headers: dict[str, str]) -> None:
        self.send_response(status)
        self.send_header("Docker-Distribution-API-Version", "registry/2.0")
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(length))
        self.end_headers()

    def _send(self, status: HTTPStatus, data: bytes, headers: dict[str, str], *, body: bool) -> None:
        self._head(status, len(data), headers)
        if body:
            self.wfile.write(data)

    def _error(self, status: HTTPStatus, code: str, message: str, body: bool) -> None:
        data = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        self._send(status, data, {"Content-Type": "application/json"}, body=body)

    def log_message(self, format: str, *args: object) -> None:
        text = (format % args).encode("unicode_escape").decode()
        self.server.say(f"{self.client_address[0]} {text}")


class CacheServer(ThreadingHTTPServer):
    """Serves caches until `shutdown`; of an image that several have, the first one's. OSError when the address cannot
    be listened on."""

    daemon_threads = True
    request_queue_size = 128
    handler: type[BaseHTTPRequestHandler] = Handler

    def __init__(
        self,
        caches: Sequence[Cache],
        host: str,
        port: int,
        tls: ssl.SSLContext | None = None,
        say: Callable[[str], None] = lambda text: print(text, file=sys.stderr, flush=True),
    ) -> None:
        self.caches, self.tls, self.say = caches, tls, say
        self._free = threading.Semaphore(MAX_CONNECTIONS)
        if ":" in host:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), self.handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that broke or began with no TLS is one line, not a traceback."""
        error = sys.exception() if hasattr(sys, "exception") else sys.exc_info()[1]
        self.say(f"{client_address}: {type(error).__name__}: {error}")

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._free.acquire(blocking=False):
            self.say(f"{client_address[0]}: more than {MAX_CONNECTIONS} connections")
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._free.release()


def tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """What to serve TLS with. CacheError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise CacheError(f"certificate {certificate} and key {key} cannot be used: {error}") from error
    return context
