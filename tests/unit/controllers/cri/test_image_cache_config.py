"""A node's own cache of images: where it is served from, its copy from a medium, and who asks it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from talos.config import Config
from talos.config.patch import apply_patches
from talos.controllers.cri.image_cache_config import MEDIUM, ROOTS, VOLUME
from talos.controllers.cri.registries_config import CACHE, with_cache
from talos.controllers.files.cri_config import hosts_files
from talos.imagecache.layout import Cache
from talos.resources.block import VolumeStatusSpec
from talos.resources.cri import ImageCacheConfigSpec, RegistriesConfigSpec
from talos.resources.cri.registry_config import RegistryEndpointConfig, RegistryMirrorConfig, RegistryTLSConfig
from talos.resources.enums import ImageCacheCopyStatus, ImageCacheStatus, VolumePhase
from talos.resources.v1alpha1 import ServiceSpec

Node = Any
DOCUMENT = "apiVersion: v1alpha1\nkind: ImageCacheConfig\nlocal: {enabled: true}\n"
LEGACY = "machine: {features: {imageCache: {localEnabled: true}}}\n"
MANIFEST = b'{"config": {}}'


@pytest.fixture
def asked(make_config: Callable[..., Config]) -> Config:
    return apply_patches(make_config(), [DOCUMENT])


def cache(node: Node, id: str, *tags: str) -> Cache:
    """A cache of that volume's place."""
    made = Cache(node.env.path(ROOTS[id]))
    made.root.mkdir(parents=True)
    for tag in tags:
        made.keep_manifest("registry.example.org", "some/thing", MANIFEST, tag)
    return made


async def serves(node: Node, *ids: str, copy: ImageCacheCopyStatus = ImageCacheCopyStatus.SKIPPED) -> None:
    roots = [ROOTS[id] for id in ids]
    await node.get(ImageCacheConfigSpec, "image-cache", lambda spec: spec.roots == roots and spec.copy_status is copy)


@pytest.mark.parametrize("text", [DOCUMENT, LEGACY])
def test_either_layout_asks_for_it(make_config: Callable[..., Config], text: str) -> None:
    assert not make_config().machine.image_cache
    assert apply_patches(make_config(), [text]).machine.image_cache


async def test_a_folder_that_is_mounted_is_served_and_then_asked_first(node: Node, asked: Config) -> None:
    cache(node, VOLUME, "1")
    node.run("cri.")
    await node.configure(asked)
    await serves(node, VOLUME)
    spec = await node.get(ImageCacheConfigSpec, "image-cache")
    assert spec.status is ImageCacheStatus.PREPARING
    assert (await node.get(RegistriesConfigSpec, "registries")).mirrors == {}  # nobody listens yet
    await node.put("registryd", ServiceSpec(running=True, healthy=True))
    await node.get(ImageCacheConfigSpec, "image-cache", lambda spec: spec.status is ImageCacheStatus.READY)
    await node.get(RegistriesConfigSpec, "registries", lambda spec: "*" in spec.mirrors)


async def test_nothing_is_served_where_nothing_is(node: Node, asked: Config) -> None:
    node.run("cri.")
    await node.configure(asked)
    await node.get(ImageCacheConfigSpec, "image-cache", lambda spec: spec.status is ImageCacheStatus.DISABLED)


async def test_a_medium_is_copied_to_the_volume_and_both_are_served(node: Node, asked: Config) -> None:
    source, target = cache(node, MEDIUM, "1", "2"), cache(node, VOLUME)
    node.run("cri.")
    await node.configure(asked)
    await serves(node, VOLUME, MEDIUM, copy=ImageCacheCopyStatus.READY)
    for tag in ("1", "2"):
        assert target.manifest("registry.example.org", "some/thing", tag).read_bytes() == MANIFEST
    assert source.root.exists()


async def test_a_medium_that_is_damaged_is_served_and_its_copy_pends(node: Node, asked: Config) -> None:
    damaged = cache(node, MEDIUM).blob(f"sha256:{'0' * 64}")
    damaged.parent.mkdir()
    damaged.write_bytes(b"something else")
    target = cache(node, VOLUME)
    node.run("cri.")
    await node.configure(asked)
    await serves(node, VOLUME, MEDIUM, copy=ImageCacheCopyStatus.PENDING)
    assert not target.blob(f"sha256:{'0' * 64}").exists()


async def test_volumes_of_a_machine_are_waited_for_and_may_fail(node: Node, asked: Config) -> None:
    node.env = msgspec.structs.replace(node.env, platform="metal")
    cache(node, VOLUME, "1")
    await node.put(VOLUME, VolumeStatusSpec(phase=VolumePhase.LOCATED))
    node.run("cri.")
    await node.configure(asked)
    await node.get(ImageCacheConfigSpec, "image-cache", lambda spec: spec.status is ImageCacheStatus.PREPARING)
    await node.put(VOLUME, VolumeStatusSpec(phase=VolumePhase.READY))
    await serves(node, VOLUME)
    await node.put(VOLUME, VolumeStatusSpec(phase=VolumePhase.FAILED))
    await serves(node)


def test_no_registry_goes_past_the_cache() -> None:
    """What is said of one hides what is said of every one."""
    mirror = RegistryMirrorConfig(endpoints=[RegistryEndpointConfig(endpoint="http://10.0.0.1")], skip_fallback=True)
    spec = with_cache(
        RegistriesConfigSpec(mirrors={"a.example": mirror}, tls={"b.example": RegistryTLSConfig(ca="CA")})
    )
    assert with_cache(spec) == spec
    files = hosts_files(spec)
    for host in ("_default", "a.example", "b.example"):
        assert f'[host."{CACHE}"]' in files[f"cri/conf.d/hosts/{host}/hosts.toml"], host
    assert 'server = "http://10.0.0.1"' in files["cri/conf.d/hosts/a.example/hosts.toml"]
    assert 'server = "https://b.example"' in files["cri/conf.d/hosts/b.example/hosts.toml"]
    assert "server" not in files["cri/conf.d/hosts/_default/hosts.toml"]


def test_places_are_those_that_other_tools_know(tmp_path: Path) -> None:
    assert ROOTS == {VOLUME: "/system/imagecache/disk", MEDIUM: "/system/imagecache/iso/imagecache"}
