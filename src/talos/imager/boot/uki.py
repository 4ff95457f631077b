"""The unified kernel image: systemd's stub, kernel, initramfs and command line in one file, put together by ukify."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path

from talos.imager.boot import measure
from talos.imager.errors import ImageError, run

EFI = "systemd-boot-efi/usr/lib/systemd/boot/efi"
PEFILE = "python3-pefile/usr/lib/python3/dist-packages"


@dataclass(frozen=True)
class Signing:
    """Key and certificate that the firmware will know (`talosctl gen secureboot uki`)."""

    key: Path
    certificate: Path


def os_release(flavour: str, version: str) -> str:
    """What systemd-boot shows and sorts by, and what an upgrade reads the version from."""
    return f'ID=talos\nVERSION_ID={version}\nVARIANT_ID={flavour}\nPRETTY_NAME="Talos ({version})"\n'


def build(
    out: Path,
    *,
    debs: Path,
    kernel: Path,
    release: str,
    initramfs: Path,
    arguments: str,
    flavour: str,
    version: str,
    measured: Path | None = None,
) -> None:
    """Writes `out`, not signed for the firmware. measured: the key that signs what a TPM will have measured; the image
    is then made twice, since the signature is over all of the rest."""

    def put_together(*parts: str) -> None:
        run(
            [
                "env", f"PYTHONPATH={debs / PEFILE}", "PYTHONDONTWRITEBYTECODE=1",
                sys.executable, debs / "systemd-ukify/usr/lib/systemd/ukify", "build",
                f"--stub={debs / EFI / 'linuxx64.efi.stub'}",
                f"--linux={kernel}",
                f"--initrd={initramfs}",
                f"--cmdline={arguments}",
                f"--os-release={os_release(flavour, version)}",
                f"--uname={release}",
                *parts,
                f"--output={out}",
            ]
        )  # fmt: skip

    if measured is None:
        put_together()
        return
    key = measure.load_key(measured)
    public, signature = (out.with_name(f"{out.name}.{name}") for name in ("pcrpkey", "pcrsig"))
    public.write_bytes(measure.public_pem(key))
    put_together(f"--pcrpkey={public}")
    before = measure.measure(out)
    signature.write_bytes(measure.signed(out, key))
    put_together(f"--pcrpkey={public}", f"--section=.pcrsig:@{signature}")
    if measure.measure(out) != before:
        raise ImageError(f"{out} changed when its signature was added")
    public.unlink()
    signature.unlink()


def boot_loader(debs: Path) -> Path:
    """systemd-boot as Debian built it."""
    return debs / EFI / "systemd-bootx64.efi"


def sign(source: Path, target: Path, signing: Signing) -> None:
    """Adds an Authenticode signature (PE/COFF), by sbsign(1)."""
    run(["sbsign", "--key", signing.key, "--cert", signing.certificate, "--output", target, source])
