"""talosctl gen secureboot: keys that sign what a machine boots."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from talos.talosctl.gen.files import force_option, forced, write_files
from talos.talosctl.options import ClientGroup, Command

_BITS = 4096
_VALID = timedelta(days=3650)


@click.group(cls=ClientGroup)
@click.option("-o", "--output", default="_out", metavar="FOLDER", help="where the files go [default: _out]")
def secureboot(output: str) -> None:
    """Make the keys of Secure Boot."""


_OUTPUT = click.option("-o", "--output", default="_out", metavar="FOLDER", help="where the files go [default: _out]")


@secureboot.command(cls=Command)
@_OUTPUT
@force_option
@click.option("--common-name", default="Test UKI Signing Key", metavar="NAME", help="name in the certificate")
def uki(common_name: str, output: str, force: bool) -> None:
    """Make the key that signs unified kernel images, with its certificate as PEM and DER."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.x509.oid import NameOID

    key = rsa.generate_private_key(65537, _BITS)
    name = x509.Name(
        [x509.NameAttribute(oid, common_name) for oid in (NameOID.ORGANIZATION_NAME, NameOID.COMMON_NAME)]
    )
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + _VALID)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    folder = Path(output)
    write_files(
        {
            str(folder / "uki-signing-cert.pem"): (certificate.public_bytes(serialization.Encoding.PEM), 0o644),
            str(folder / "uki-signing-cert.der"): (certificate.public_bytes(serialization.Encoding.DER), 0o644),
            str(folder / "uki-signing-key.pem"): (_pem(key), 0o600),
        },
        force=forced(force),
    )


@secureboot.command(cls=Command)
@_OUTPUT
@force_option
def pcr(output: str, force: bool) -> None:
    """Make the key that signs the measurements a disk may be unlocked under."""
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(65537, 2048)  # TPM 2.0 takes no more everywhere
    write_files({str(Path(output) / "pcr-signing-key.pem"): (_pem(key), 0o600)}, force=forced(force))


def _pem(key: object) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return key.private_bytes(  # type: ignore[attr-defined, no-any-return]
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@secureboot.command(cls=Command)
@_OUTPUT
@force_option
@click.option("--enrolled-certificate", default="_out/uki-signing-cert.pem", help="what the firmware is to accept")
@click.option("--signing-certificate", default="_out/uki-signing-cert.pem", help="becomes PK and KEK")
@click.option("--signing-key", default="_out/uki-signing-key.pem", help="signs the files; belongs to that certificate")
@click.option("--include-well-known-uefi-certs", is_flag=True, help="not carried out: firmware brings them in its menu")
def database(
    enrolled_certificate: str,
    signing_certificate: str,
    signing_key: str,
    include_well_known_uefi_certs: bool,
    output: str,
    force: bool,
) -> None:
    """Make the files that enrol a certificate in the firmware: PK.auth, KEK.auth and db.auth."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    from talos.pki import secure_boot
    from talos.pki.keys import PKIError

    if include_well_known_uefi_certs:
        raise click.ClickException("this build carries no certificates of other makers: enrol them in the firmware")
    try:
        key = serialization.load_pem_private_key(Path(signing_key).read_bytes(), None)
        signer = x509.load_pem_x509_certificate(Path(signing_certificate).read_bytes())
        enrolled = x509.load_pem_x509_certificates(Path(enrolled_certificate).read_bytes())
    except OSError as error:
        raise click.ClickException(
            f"{error.filename}: {error.strerror}; talosctl gen secureboot uki makes it"
        ) from error
    except ValueError as error:
        raise click.ClickException(f"key or certificate cannot be read: {error}") from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise click.ClickException(f"{signing_key} is not an RSA key: firmware knows no other kind")
    try:
        files = secure_boot.database(enrolled, key, signer, datetime.now(UTC))
    except PKIError as error:
        raise click.ClickException(str(error)) from error
    write_files({str(Path(output) / name): (data, 0o644) for name, data in files.items()}, force=forced(force))
