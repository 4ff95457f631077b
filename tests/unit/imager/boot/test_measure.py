"""What the stub is expected to measure, as the specification says it; the real stub is asked in tests/boot."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.imager.boot import uki_file

from talos.imager.boot import measure
from talos.imager.errors import ImageError

SECTIONS = {".text": b"the stub", ".sbat": b"sbat,1\n", ".initrd": b"i" * 700, ".osrel": b"ID=talos\n", ".linux": b"MZ"}


def test_sections_count_in_the_order_of_the_specification_with_their_names(tmp_path: Path) -> None:
    image = uki_file.write(tmp_path / "uki", SECTIONS, {".linux": 600})
    value = bytes(32)
    content = {**SECTIONS, ".linux": b"MZ".ljust(600, b"\0")}
    for name in (".linux", ".osrel", ".initrd", ".sbat"):
        for data in (name.encode() + b"\0", content[name]):
            value = hashlib.sha256(value + hashlib.sha256(data).digest()).digest()
    assert measure.measure(image) == value
    signed = uki_file.write(tmp_path / "signed", {**SECTIONS, ".pcrsig": b"{}"}, {".linux": 600})
    assert measure.measure(signed) == value
    for changed in (".osrel", ".sbat", ".initrd"):
        other = uki_file.write(tmp_path / "other", {**SECTIONS, changed: SECTIONS[changed] + b"!"}, {".linux": 600})
        assert measure.measure(other) != value


def test_what_cannot_be_measured_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"how \.profile is measured"):
        measure.measure(uki_file.write(tmp_path / "uki", {**SECTIONS, ".profile": b""}))
    (tmp_path / "text").write_text("no image")
    with pytest.raises(ImageError, match="is no PE image"):
        measure.measure(tmp_path / "text")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=600), at=st.integers(0, 300))
def test_a_damaged_header_is_an_error_or_a_value(tmp_path: Path, data: bytes, at: int) -> None:
    image = uki_file.write(tmp_path / "uki", SECTIONS)
    whole = bytearray(image.read_bytes())
    whole[at : at + len(data)] = data
    image.write_bytes(whole[: max(len(whole) - at * 8, 1)])
    try:
        assert len(measure.measure(image)) == 32
    except ImageError as error:
        assert str(image) in str(error)


def test_only_a_key_that_every_chip_takes_signs(tmp_path: Path) -> None:
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    for key in (ec.generate_private_key(ec.SECP256R1()), rsa.generate_private_key(65537, 3072)):
        (tmp_path / "key.pem").write_bytes(key.private_bytes(*form))
        with pytest.raises(ImageError, match="gen secureboot pcr"):
            measure.load_key(tmp_path / "key.pem")
    with pytest.raises(ImageError, match="gen secureboot pcr"):
        measure.load_key(tmp_path / "absent.pem")
