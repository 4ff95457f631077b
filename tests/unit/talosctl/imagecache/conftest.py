"""Images to keep, and registries on the loopback: ours, with and without TLS, and one that wants a token."""

from __future__ import annotations

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest

from talos.imagecache.layout import INDEX_TYPES, MANIFEST_TYPES, Cache
from talos.imagecache.server import CacheServer, Handler


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def add_manifest(cache: Cache, registry: str, repository: str, layer: bytes, tag: str = "") -> dict[str, Any]:
    """An image of one layer; its descriptor."""
    config = json.dumps({"architecture": "any", "layer": digest(layer)}).encode()
    for blob in (config, layer):
        cache.keep_blob(digest(blob), [blob])
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST_TYPES[0],
            "config": {"mediaType": "application/x", "digest": digest(config), "size": len(config)},
            "layers": [{"mediaType": "application/y", "digest": digest(layer), "size": len(layer)}],
        }
    ).encode()
    kept = cache.keep_manifest(registry, repository, manifest, tag)
    return {"mediaType": MANIFEST_TYPES[0], "digest": kept, "size": len(manifest)}


def add_index(cache: Cache, registry: str, repository: str, tag: str, platforms: dict[str, bytes]) -> str:
    """An image for several platforms (name -> layer); its digest. An attestation beside them, as real ones have."""
    entries = []
    for name, layer in platforms.items():
        os, architecture, *variant = name.split("/")
        platform = {"os": os, "architecture": architecture, **({"variant": variant[0]} if variant else {})}
        entries.append(add_manifest(cache, registry, repository, layer) | {"platform": platform})
    unknown = {"os": "unknown", "architecture": "unknown"}
    entries.append(add_manifest(cache, registry, repository, b"attestation") | {"platform": unknown})
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPES[0], "manifests": entries}, indent=3).encode()
    return cache.keep_manifest(registry, repository, index, tag)


@contextmanager
def serving(server: CacheServer) -> Iterator[int]:
    """The port it listens on."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class TokenHandler(Handler):
    """A registry as Docker Hub is one: it names where tokens come from, and gives one to who knows the password."""

    def do_GET(self) -> None:
        assert isinstance(self.server, TokenServer)
        path, _, query = self.path.partition("?")
        given = self.headers.get("Authorization", "")
        kind = given.partition(" ")[0]
        self.server.seen.append(f"{path.rpartition('/')[2][:8]} {kind}".strip())
        here = f":{self.server.server_address[1]}"
        if path == "/token":
            assert query == "scope=repository%3Ademo%2Fapp%3Apull&service=here"
            good = given == "Basic " + base64.b64encode(b"ann:secret").decode()
            self._send(HTTPStatus.OK, b'{"token": "t0ken"}' if good else b"{}", {}, body=True)
        elif query == "moved":
            self._answer(body=True)
        elif given != "Bearer t0ken":
            challenge = f'Bearer realm="http://127.0.0.1{here}/token",service="here",scope="repository:demo/app:pull"'
            self._send(HTTPStatus.UNAUTHORIZED, b"", {"WWW-Authenticate": challenge}, body=True)
        elif "/blobs/" in path:
            moved = {"Location": f"http://localhost{here}{path}?moved"}
            self._send(HTTPStatus.TEMPORARY_REDIRECT, b"", moved, body=True)
        else:
            self._answer(body=True)


class TokenServer(CacheServer):
    """Notes what was asked for, and how."""

    handler = TokenHandler

    def __init__(self, cache: Cache) -> None:
        self.seen: list[str] = []
        super().__init__(cache, "127.0.0.1", 0)


@pytest.fixture
def source(tmp_path: Path) -> Cache:
    """What a registry has."""
    return Cache(tmp_path / "source")
