"""cache-create and cache-serve against each other and against a registry that wants a token."""

from __future__ import annotations

import base64
import hashlib
import http.client
import io
import json
import ssl
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
import yaml
from tests.unit.talosctl.imagecache.conftest import TokenServer, add_index, add_manifest, digest, serving

from talos.config.config import Config
from talos.imagecache.layout import Cache, CacheError, file_name
from talos.imagecache.server import CacheServer, tls_context
from talos.talosctl.imagecache.registry import Registry
from talos.talosctl.main import run

LAYERS = {"linux/amd64": b"for amd64", "linux/arm64/v8": b"for arm64", "linux/arm/v7": b"for arm"}


def files(root: Path) -> dict[str, bytes]:
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def get(port: int, path: str, method: str = "GET", **headers: str) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def test_an_image_is_kept_byte_for_byte_for_the_platforms_asked_for(source: Cache, tmp_path: Path) -> None:
    top = add_index(source, "any", "demo/app", "v1", LAYERS)
    with serving(CacheServer([source], "127.0.0.1", 0)) as port:
        image = f"127.0.0.1:{port}/demo/app:v1"
        made = tmp_path / "made"
        asked = ["--images", image, "--platform", "linux/amd64,linux/arm64", "--layout", "flat", "--insecure"]
        assert run(["image", "cache-create", *asked, "--image-cache-path", str(made)]) == 0
    found = files(made)
    here = f"manifests/127.0.0.1_{port}/demo/app"
    assert found[f"{here}/reference/v1"] == source.manifest("any", "demo/app", "v1").read_bytes()
    assert found[f"{here}/digest/{file_name(top)}"] == found[f"{here}/reference/v1"]
    blobs = {name for name in found if name.startswith("blob/")}
    assert {f"blob/{file_name(digest(LAYERS[p]))}" for p in ("linux/amd64", "linux/arm64/v8")} < blobs
    assert len(blobs) == 4  # two layers, two configurations; nothing of arm, nothing of what attests
    assert all(hashlib.sha256(found[name]).hexdigest() in name for name in blobs)


def test_a_cache_serves_what_another_was_made_from(source: Cache, tmp_path: Path) -> None:
    """From a registry into a cache, from that into a third: the same images, found by the registry they are from."""
    add_manifest(source, "any", "demo/app", b"x" * 3_000_000, "v1")
    with serving(CacheServer([source], "127.0.0.1", 0)) as port:
        asked = ["--images", f"127.0.0.1:{port}/demo/app:v1", "--layout", "flat", "--insecure"]
        assert run(["image", "cache-create", *asked, "--image-cache-path", str(tmp_path / "one")]) == 0
    with serving(CacheServer([Cache(tmp_path / "one")], "127.0.0.1", 0)) as second:
        path = "/v2/demo/app/manifests/v1"
        status, headers, manifest = get(second, f"{path}?ns=127.0.0.1:{port}")
        assert (status, headers["Docker-Content-Digest"]) == (200, digest(manifest))
        assert get(second, path)[2] == manifest  # who names no registry
        assert get(second, f"{path}?ns=ghcr.io")[0] == 404  # containerd then asks the registry itself
        layer = json.loads(manifest)["layers"][0]["digest"]
        status, headers, _ = get(second, f"/v2/demo/app/blobs/{layer}", "HEAD")
        assert (status, headers["Content-Length"]) == (200, "3000000")
        assert get(second, f"/v2/demo/app/blobs/{layer}")[2] == b"x" * 3_000_000
        status, headers, part = get(second, f"/v2/demo/app/blobs/{layer}", Range="bytes=2999990-")
        assert (status, headers["Content-Range"], part) == (206, "bytes 2999990-2999999/3000000", b"x" * 10)
        assert get(second, f"/v2/demo/app/blobs/{layer}", Range="bytes=3000000-")[0] == 416


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v2/", 200),
        ("/", 404),
        ("/v2/demo/app/manifests/nosuch", 404),
        ("/v2/demo/app/manifests/..%2f..%2fx", 404),
        ("/v2/demo/../../app/manifests/v1", 404),
        ("/v2/demo%2f..%2f../manifests/v1", 404),
        ("/v2/demo/app/manifests/v1?ns=../../blob", 400),
        ("/v2/demo/app/manifests/%2e%2e", 400),
        ("/v2/demo/app/blobs/..", 404),
        ("/v2/demo/app/blobs/sha256:1", 404),
    ],
)
def test_nothing_outside_of_the_cache_is_served(source: Cache, path: str, status: int) -> None:
    add_manifest(source, "any", "demo/app", b"layer", "v1")
    (source.root / "secret").write_text("secret")
    with serving(CacheServer([source], "127.0.0.1", 0)) as port:
        found, _, body = get(port, path)
        assert found == status
        assert b"secret" not in body


def test_a_registry_that_wants_a_token_gets_it_and_storage_does_not(
    source: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    add_manifest(source, "any", "demo/app", b"layer", "v1")
    server = TokenServer([source])
    with serving(server) as port:
        asked = ["image", "cache-create", "--images", f"127.0.0.1:{port}/demo/app:v1", "--insecure", "--layout=flat"]
        monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
        assert run([*asked, "--image-cache-path", str(tmp_path / "made")]) == 1
        assert "gave no token for demo/app" in capsys.readouterr().err
        login = base64.b64encode(b"ann:secret").decode()
        (tmp_path / "config.json").write_text(json.dumps({"auths": {f"127.0.0.1:{port}": {"auth": login}}}))
        server.seen.clear()
        assert run([*asked, "--image-cache-path", str(tmp_path / "made"), "--no-cosign-signatures"]) == 0
    assert server.seen[:3] == ["v1", "token Basic", "v1 Bearer"]
    # The configuration and the layer: asked for with the token, fetched from the storage behind without it.
    assert sorted(one.partition(" ")[2] for one in server.seen[3:]) == ["", "", "Bearer", "Bearer"]
    assert "t0ken" not in capsys.readouterr().err


def test_signatures_come_along(source: Cache, tmp_path: Path) -> None:
    top = add_index(source, "any", "demo/app", "v1", {"linux/amd64": b"app"})
    add_manifest(source, "any", "demo/app", b"signature", f"{file_name(top)}.sig")
    with serving(CacheServer([source], "127.0.0.1", 0)) as port:
        asked = ["image", "cache-create", "--images", f"127.0.0.1:{port}/demo/app@{top}", "--insecure", "--layout=flat"]
        assert run([*asked, "--image-cache-path", str(tmp_path / "with")]) == 0
        assert run([*asked, "--image-cache-path", str(tmp_path / "without"), "--cosign-signatures=false"]) == 0
    assert Cache(tmp_path / "with").blob(digest(b"signature")).exists()
    assert not Cache(tmp_path / "without").blob(digest(b"signature")).exists()


def test_what_was_changed_on_the_way_is_not_kept(source: Cache, tmp_path: Path) -> None:
    add_manifest(source, "any", "demo/app", b"layer", "v1")
    source.blob(digest(b"layer")).write_bytes(b"lajer")
    made = tmp_path / "made"
    with serving(CacheServer([source], "127.0.0.1", 0)) as port:
        asked = ["--images", f"127.0.0.1:{port}/demo/app:v1", "--layout", "flat", "--insecure"]
        assert run(["image", "cache-create", *asked, "--image-cache-path", str(made)]) == 1
    assert not any(b"lajer" in content for content in files(made).values())


def test_the_oci_form_holds_the_flat_one(source: Cache, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    add_index(source, "any", "demo/app", "v1", LAYERS)
    with serving(CacheServer([source], "127.0.0.1", 0)) as port:
        asked = ["image", "cache-create", "--images", f"127.0.0.1:{port}/demo/app:v1", "--insecure"]
        assert run([*asked, "--layout=flat", "--image-cache-path", str(tmp_path / "flat")]) == 0
        assert run([*asked, "--image-cache-path", str(tmp_path / "oci")]) == 0
        assert run([*asked, "--image-cache-path", str(tmp_path / "oci")]) == 1  # --force
        first = files(tmp_path / "oci")
        assert run([*asked, "--image-cache-path", str(tmp_path / "oci"), "--force"]) == 0
    assert files(tmp_path / "oci") == first, "the same images, another layer"
    index = json.loads(first["index.json"])
    manifest = json.loads(first["blobs/" + index["manifests"][0]["digest"].replace(":", "/")])
    layer = first["blobs/" + manifest["layers"][0]["digest"].replace(":", "/")]
    assert all(hashlib.sha256(content).hexdigest() in name for name, content in first.items() if "sha256" in name)
    with tarfile.open(fileobj=io.BytesIO(layer)) as archive:
        archive.extractall(tmp_path / "out", filter="data")
    assert files(tmp_path / "out") == files(tmp_path / "flat")
    capsys.readouterr()
    assert run(["image", "cache-serve", "--image-cache-path", str(tmp_path / "oci")]) == 1
    assert "--layout flat" in capsys.readouterr().err


def test_layers_are_fetched_once(source: Cache, tmp_path: Path) -> None:
    add_manifest(source, "any", "demo/app", b"layer", "v1")
    with serving(CacheServer([source], "127.0.0.1", 0)) as port:
        asked = ["image", "cache-create", "--images", f"127.0.0.1:{port}/demo/app:v1", "--insecure", "--layout=flat"]
        kept = ["--image-layer-cache-path", str(tmp_path / "layers")]
        assert run([*asked, *kept, "--image-cache-path", str(tmp_path / "one")]) == 0
        for blob in (source.root / "blob").iterdir():
            blob.unlink()
        assert run([*asked, *kept, "--image-cache-path", str(tmp_path / "two")]) == 0
    assert files(tmp_path / "two") == files(tmp_path / "one")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--images", "UPPER/case"], "no name of a repository"),
        (["--images", "a@sha256:1"], "no digest"),
        (["--images", "a", "--platform", "linux"], "linux/arm64"),
        (["--images", "127.0.0.1:1/a:b"], "registry 127.0.0.1:1 cannot be reached"),
        (["--images", "REGISTRY/demo/app:v2"], "has no manifests v2 of demo/app"),
        (["--images", "REGISTRY/demo/app:v1", "--platform", "linux/s390x"], "not made for linux/s390x, but for linux"),
        (["--images", "REGISTRY/demo/app:v1", "--image-cache-path", "/proc/nosuch/x"], "/proc/nosuch"),
    ],
)
def test_errors_say_what_to_do(
    source: Cache, tmp_path: Path, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    add_index(source, "any", "demo/app", "v1", LAYERS)
    with serving(CacheServer([source], "127.0.0.1", 0)) as port:
        where = ["--image-cache-path", str(tmp_path / "made"), "--insecure"]
        given = [argument.replace("REGISTRY", f"127.0.0.1:{port}") for argument in arguments]
        assert run(["image", "cache-create", *where, *given]) == 1
    assert words in capsys.readouterr().err


def test_served_over_tls_with_the_documents_that_nodes_need(
    source: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a person runs them: certificate, server as a process of its own, documents of its output."""
    add_manifest(source, "ghcr.io", "demo/app", b"layer", "v1")
    monkeypatch.chdir(tmp_path)
    assert run(["image", "cache-cert-gen", "--advertised-address", "127.0.0.1", "--advertised-name", "cache.test"]) == 0
    command = [sys.executable, "-m", "talos.talosctl.main", "image", "cache-serve"]
    command += ["--image-cache-path", str(source.root)]
    tls = ["--address", "127.0.0.1:0", "--tls-cert-file", "tls.crt", "--tls-key-file", "tls.key", "--mirror", "ghcr.io"]
    with subprocess.Popen([*command, *tls], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None and server.stdout is not None
            said = server.stderr.readline()
            assert said.startswith("serving on https://127.0.0.1:")
            endpoint = said.split()[-1]
            host = endpoint.removeprefix("https://")
            context = ssl.create_default_context(cafile="ca.crt")
            connection = http.client.HTTPSConnection(host, context=context, timeout=5)
            connection.request("GET", "/v2/demo/app/manifests/v1?ns=ghcr.io")
            assert connection.getresponse().status == 200
            connection.close()
            with pytest.raises(CacheError, match="CERTIFICATE_VERIFY_FAILED"):
                Registry(host).manifest("demo/app", "v1")
            assert b"layers" in Registry(host, insecure=True).manifest("demo/app", "v1")
        finally:
            server.terminate()
        documents = list(yaml.safe_load_all(server.stdout.read()))
    assert [d["kind"] for d in documents] == ["RegistryMirrorConfig", "RegistryTLSConfig"]
    assert documents[0] | {"apiVersion": ""} == {
        "apiVersion": "",
        "kind": "RegistryMirrorConfig",
        "name": "ghcr.io",
        "endpoints": [{"url": endpoint}],
    }
    assert documents[1]["name"] == host and documents[1]["ca"] == Path("ca.crt").read_text()
    assert Config.decode(yaml.safe_dump_all(documents)).documents


def test_a_certificate_without_its_key_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("x")
    with pytest.raises(CacheError, match="cannot be used"):
        tls_context(tmp_path / "x", tmp_path / "x")
