"""Enrolment files, as sbvarsign's readers and openssl see them."""
from __future__ import annotations

import struct
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from talos.pki import secure_boot
from talos.pki.keys import PKIError

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def made(name: str) -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    key = rsa.generate_private_key(65537, 2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    certificate = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(7).not_valid_before(MOMENT).not_valid_after(MOMENT + timedelta(days=3650))
        .sign(key, hashes.SHA256())
    )
    return key, certificate


@pytest.mark.slow
def test_openssl_verifies_what_the_firmware_will_verify(tmp_path: Path) -> None:
    key, certificate = made("signer")
    files = secure_boot.database([certificate], key, certificate, MOMENT)
    assert sorted(files) == ["KEK.auth", "PK.auth", "db.auth"]
    data = files["db.auth"]
    assert struct.unpack("<HBBBBB", data[:7]) == (2026, 1, 2, 3, 4, 5)
    length, revision, kind = struct.unpack("<IHH", data[16:24])
    assert (revision, kind) == (0x0200, 0x0EF1)
    signature, content = data[40 : 16 + length], data[16 + length :]
    assert content == secure_boot.signature_list([certificate])
    der = certificate.public_bytes(serialization.Encoding.DER)
    assert content[28 + 16 :] == der
    # ContentInfo around it again, as openssl wants it.
    oid = bytes.fromhex("06092a864886f70d010702")
    explicit = b"\xa0\x82" + struct.pack(">H", len(signature)) + signature
    whole = b"\x30\x82" + struct.pack(">H", len(oid) + len(explicit)) + oid + explicit
    (tmp_path / "signature").write_bytes(whole)
    signed = "db".encode("utf-16-le") + secure_boot.EFI_IMAGE_SECURITY.bytes_le + b"\x27\0\0\0" + data[:16] + content
    (tmp_path / "content").write_bytes(signed)
    (tmp_path / "certificate").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    command = ["openssl", "smime", "-verify", "-inform", "DER", "-in", "signature", "-content", "content",
               "-certfile", "certificate", "-nointern", "-noverify", "-binary", "-out", "/dev/null"]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    (tmp_path / "content").write_bytes(signed[:-1] + b"\0")
    assert subprocess.run(command, cwd=tmp_path, check=False, capture_output=True).returncode != 0


@pytest.mark.slow
def test_a_certificate_of_another_key_is_refused() -> None:
    key, certificate = made("one")
    _, other = made("two")
    with pytest.raises(PKIError, match="does not belong"):
        secure_boot.database([certificate], key, other, MOMENT)
