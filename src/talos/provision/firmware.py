"""The UEFI firmware of machines: code that all of them read, and the variables that each begins with.

Distributions name the same two files of EDK2 differently; both have to be of one build, so they are looked for as a
pair in one folder."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from talos.provision.model import ProvisionError

FOLDERS = tuple(
    Path("/usr/share", name)
    for name in ("OVMF", "ovmf", "qemu", "ovmf/x64", "edk2/x64", "edk2/ovmf-4m", "edk2/ovmf", "edk2-ovmf")
)
"""of Debian first"""
# Debian; Arch; 2 MB builds of before, Fedora
_PAIRS = (
    ("OVMF_CODE_4M{}.fd", "OVMF_VARS_4M.fd"),
    ("OVMF_CODE{}.4m.fd", "OVMF_VARS.4m.fd"),
    ("OVMF_CODE{}.fd", "OVMF_VARS.fd"),
)
_SECURE = ".secboot"


@dataclass(frozen=True, slots=True)
class Firmware:
    """variables: of a machine that was never switched on."""

    code: Path
    variables: Path


def find(extra: Iterable[str | Path] = (), *, secure_boot: bool = False) -> Firmware:
    """The first of the folders that has it, those that a person named before the others. secure_boot: of the kind that
    asks for signatures once keys are enrolled. ProvisionError."""
    folders = [*(Path(folder).absolute() for folder in extra), *FOLDERS]
    for folder in folders:
        for code, variables in _PAIRS:
            found = Firmware(folder / code.format(_SECURE if secure_boot else ""), folder / variables)
            if found.code.is_file() and found.variables.is_file():
                return found
    kind = "firmware that checks signatures (Secure Boot)" if secure_boot else "firmware"
    looked = ", ".join(str(folder) for folder in folders)
    raise ProvisionError(
        f"no UEFI {kind} in {looked}: install the package ovmf, or name the folder that has OVMF_CODE_4M.fd and "
        "OVMF_VARS_4M.fd with --extra-uefi-search-paths"
    )
