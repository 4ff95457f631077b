"""The boot file out of an image in containerd's content store: an index, a manifest, layers as tar or gzip."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from talos.machined import image_payload, images
from talos.machined.image_payload import ImagePayloadError

NAME = "registry.example/talos/installer:v1.14.1"
BOOT_FILE = b"boot file " * 300_000


class Store:
    """A content store with one image."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.digest = ""

        async def listed(space: str) -> list[images.Image]:
            assert space == "system"
            return [images.Image(NAME, self.digest, 0, datetime.now(UTC))]

        monkeypatch.setattr(images, "images", listed)

    def blob(self, data: bytes) -> str:
        name = hashlib.sha256(data).hexdigest()
        (self.root / "sha256").mkdir(exist_ok=True)
        (self.root / "sha256" / name).write_bytes(data)
        return f"sha256:{name}"

    def image(self, *layers: bytes, architecture: str = "amd64") -> None:
        manifest = {"layers": [{"digest": self.blob(layer)} for layer in layers]}
        entry: dict[str, Any] = {"digest": self.blob(json.dumps(manifest).encode())}
        other = {"digest": "sha256:00", "platform": {"architecture": "arm64"}}
        entry["platform"] = {"architecture": architecture}
        self.digest = self.blob(json.dumps({"manifests": [other, entry]}).encode())

    async def found(self, name: str = NAME, *, container: bool = True) -> bytes:
        source = await image_payload.find(name, "system", container=container, content=self.root)
        data = b"".join([chunk async for chunk in source.chunks()])
        assert len(data) == source.size
        return data


def layer(**files: bytes) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    return Store(tmp_path, monkeypatch)


@pytest.mark.parametrize("packed", [False, True])
async def test_the_last_layer_that_has_the_file_counts(store: Store, packed: bool) -> None:
    with_file = layer(**{image_payload.ROOT_FILE: BOOT_FILE})
    old = layer(**{image_payload.ROOT_FILE: b"old"})
    store.image(old, gzip.compress(with_file) if packed else with_file, layer(other=b"x"))
    assert await store.found() == BOOT_FILE


async def test_machines_take_the_unified_kernel_image(store: Store) -> None:
    store.image(layer(**{f"./{image_payload.UKI_FILE}": b"uki", image_payload.ROOT_FILE: b"root"}))
    assert await store.found(container=False) == b"uki"


async def test_an_image_of_something_else_is_refused(store: Store) -> None:
    store.image(layer(hello=b"x"))
    with pytest.raises(ImagePayloadError, match="no image of this operating system"):
        await store.found()


async def test_another_processor_is_refused(store: Store) -> None:
    store.image(layer(hello=b"x"), architecture="riscv64")
    with pytest.raises(ImagePayloadError, match="not made for amd64"):
        await store.found()


async def test_an_image_that_is_not_there_is_named(store: Store) -> None:
    with pytest.raises(ImagePayloadError, match="pull it first"):
        await store.found("registry.example/other:v1")


OUTSIDE = b'{"layers": [{"digest": "sha256:../../etc/passwd"}]}'


@pytest.mark.parametrize("damage", [b"", b"[]", OUTSIDE, b'{"layers": 1}'])
async def test_a_damaged_image_is_refused(store: Store, damage: bytes) -> None:
    store.image(layer(hello=b"x"))
    store.digest = store.blob(damage)
    with pytest.raises(ImagePayloadError, match="damaged or incomplete"):
        await store.found()


async def test_a_layer_that_is_no_tar_is_refused(store: Store) -> None:
    store.image(b"\x28\xb5\x2f\xfd" + bytes(1000))
    with pytest.raises(ImagePayloadError, match="neither tar nor tar and gzip"):
        await store.found()
