"""What an image file says of itself, and that a changed or cut one is not taken."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from talos.slots import payload


def root(path: Path, version: str = "v1.14.1") -> Path:
    path.write_bytes(b"hsqs" + bytes(range(256)) * 64 + bytes(4092))
    payload.tag(path, version)
    return path


def uki(path: Path, release: str) -> Path:
    at = 0x400
    section = b".osrel\0\0" + struct.pack("<IIII", len(release), 0x1000, 512, at) + bytes(16)
    header = b"PE\0\0" + struct.pack("<HHIIIHH", 0x8664, 1, 0, 0, 0, 16, 0) + bytes(16)
    head = b"MZ" + bytes(0x3A) + struct.pack("<I", 0x40) + header + section
    path.write_bytes(head.ljust(at, b"\0") + release.encode().ljust(512, b"\0"))
    return path


def test_a_root_image_says_its_version(tmp_path: Path) -> None:
    found = payload.read(root(tmp_path / "image"))
    assert (found.kind, found.version) == (payload.ROOT, "v1.14.1")
    payload.verify(tmp_path / "image")


@pytest.mark.parametrize("at", [0, 4, 5000, 16000])
def test_a_flipped_bit_is_found(tmp_path: Path, at: int) -> None:
    data = bytearray(root(tmp_path / "image").read_bytes())
    data[at] ^= 1
    (tmp_path / "image").write_bytes(data)
    with pytest.raises(payload.PayloadError):
        payload.verify(tmp_path / "image")


@pytest.mark.parametrize("size", [0, 3, 4096, 12000])
def test_a_cut_image_is_refused(tmp_path: Path, size: int) -> None:
    path = root(tmp_path / "image")
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(payload.PayloadError):
        payload.read(path)


def test_a_unified_kernel_image_says_its_version(tmp_path: Path) -> None:
    found = payload.read(uki(tmp_path / "image", 'ID=talos\nVERSION_ID="v1.15.0"\n'))
    assert (found.kind, found.version) == (payload.UKI, "v1.15.0")


@pytest.mark.parametrize("release", ["ID=debian\n", "VERSION_ID=../x\n"])
def test_a_unified_kernel_image_of_something_else_is_refused(tmp_path: Path, release: str) -> None:
    with pytest.raises(payload.PayloadError):
        payload.read(uki(tmp_path / "image", release))


@pytest.mark.parametrize("data", [b"MZ", b"MZ" + bytes(100), b"\x7fELF" + bytes(5000), b"talos-reference 1\n{"])
def test_what_is_no_image_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "image").write_bytes(data)
    with pytest.raises(payload.PayloadError):
        payload.read(tmp_path / "image")


def test_a_reference_names_its_image(tmp_path: Path) -> None:
    (tmp_path / "entry").write_bytes(payload.reference(Path("/built/root.squashfs"), "v1"))
    found = payload.read(tmp_path / "entry")
    assert (found.kind, found.version, found.image) == (payload.REFERENCE, "v1", "/built/root.squashfs")
