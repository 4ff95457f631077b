"""Images that a cluster's host serves to its nodes: there while the cluster is, and gone with it."""

from __future__ import annotations

import json
import socket
import ssl
import urllib.request
from pathlib import Path

import pytest

from talos.config.config import Config
from talos.imagecache.layout import Cache
from talos.linux.process import ProcessId, alive
from talos.pki import certificates
from talos.pki.keys import Algorithm
from talos.provision import image_cache
from talos.provision.configs import ConfigOptions
from talos.provision.flag_documents import documents
from talos.provision.image_cache import ServedCache
from talos.provision.model import WORKER, ClusterDirectory, ClusterModel, ProvisionError

GATEWAY = "127.7.5.1"


@pytest.fixture
def model() -> ClusterModel:
    return ClusterModel("demo", "127.7.5.0/24", GATEWAY, 1500, "", "", "", "1.37.0")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    cache = Cache(tmp_path / "images")
    cache.keep_manifest("registry.example.org", "some/thing", b'{"config": {}}', "1")
    return cache.root


def certificate(folder: Path, address: str) -> tuple[Path, Path]:
    authority = certificates.new_authority("image cache", algorithm=Algorithm.ECDSA_P256)
    pair = certificates.issue_pair(
        authority, algorithm=Algorithm.ECDSA_P256, usage=certificates.Usage.SERVER, ip_addresses=[address]
    )
    files = folder / f"{address}.crt", folder / f"{address}.key"
    files[0].write_bytes(pair.crt + authority.crt)
    files[1].write_bytes(pair.key)
    return files


def free_port() -> int:
    with socket.create_server((GATEWAY, 0)) as taken:
        return int(taken.getsockname()[1])


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_it_serves_on_the_clusters_address_until_it_is_ended(
    tmp_path: Path, model: ClusterModel, images: Path, tls: bool
) -> None:
    directory = ClusterDirectory(tmp_path, "demo")
    directory.path.mkdir()
    crt, key = certificate(tmp_path, GATEWAY) if tls else (None, None)
    cache = ServedCache(images, free_port(), crt, key)
    image_cache.check(cache, GATEWAY)
    image_cache.kill(directory)  # there is none yet
    image_cache.start(directory, model, cache)
    record = json.loads(directory.image_cache.read_text())
    process = ProcessId(record["pid"], record["start_time"])
    try:
        assert directory.foreign() == []
        # Trusted is what the documents for the nodes say, and nothing else.
        told = image_cache.documents(cache, GATEWAY)
        trust = ssl.create_default_context(cadata=told[1]["ca"]) if tls else None
        url = f"{told[0]['endpoints'][0]['url']}/v2/some/thing/manifests/1?ns=registry.example.org"
        with urllib.request.urlopen(url, context=trust) as answer:
            assert answer.read() == b'{"config": {}}'
        other = ClusterDirectory(tmp_path, "other")
        other.path.mkdir()
        with pytest.raises(ProvisionError, match="another program does"):
            image_cache.start(other, model, cache)
    finally:
        image_cache.kill(directory)
    assert not alive(process)
    image_cache.kill(directory)


def test_nodes_ask_it_for_images_of_every_registry(model: ClusterModel, images: Path, tmp_path: Path) -> None:
    """Also for those of registries that have hosts of their own, which one for every registry does not reach."""
    crt, key = certificate(tmp_path, GATEWAY)
    options = ConfigOptions(
        image_cache=ServedCache(images, 5000, crt, key),
        registry_mirrors=("docker.io=http://10.0.0.1:5000",),
        insecure_registries=("registry.example.org",),
    )
    view = Config.decode(documents(model, options, WORKER)).registries
    mirrors = {name: [url for url, _ in mirror.endpoints] for name, mirror in view.mirrors.items()}
    there = [f"https://{GATEWAY}:5000"]
    assert mirrors == {"*": there, "docker.io": there, "registry.example.org": there}
    assert b"BEGIN CERTIFICATE" in view.tls[f"{GATEWAY}:5000"].ca


def test_what_cannot_be_served_is_refused_before_anything_is_made(images: Path, tmp_path: Path) -> None:
    crt, key = certificate(tmp_path, "10.9.9.9")
    (tmp_path / "packed").mkdir()
    (tmp_path / "packed/oci-layout").touch()
    for cache, words in (
        (ServedCache(tmp_path), "--image-cache-path.*cache-create --layout flat"),
        (ServedCache(tmp_path / "packed"), "is an OCI layout"),
        (ServedCache(images, certificate=crt), "belong together"),
        (ServedCache(images, certificate=crt, key=crt), "cannot be used"),
        (ServedCache(images, certificate=crt, key=key), "is for 10.9.9.9.*cert-gen --advertised-address 127.7.5.1"),
    ):
        with pytest.raises(ProvisionError, match=words):
            image_cache.check(cache, GATEWAY)
