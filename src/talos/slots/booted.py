"""Which slot this boot came from: the monitor tells a container node in PID 1's environment, systemd-boot a machine in
the variable LoaderEntrySelected (Boot Loader Interface): the entry's name without its counter, UTF-16."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from talos.slots.entry import Entry, parse

BOOTED_ENTRY = "TALOS_BOOTED_ENTRY"
TRIAL_LIMIT = "TALOS_TRIAL_LIMIT"
TRIAL_ARGUMENT = "talos.boot.trial"
DEFAULT_TRIAL_LIMIT_S = 300.0
EFI_VARIABLE = Path("/sys/firmware/efi/efivars/LoaderEntrySelected-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f")
_ATTRIBUTES = 4


def booted_entry(variables: Mapping[str, str], efi_variable: Path = EFI_VARIABLE) -> Entry | None:
    """The entry of this boot, None when it came from no slot (ISO, netboot, or a loader that does not tell)."""
    if name := variables.get(BOOTED_ENTRY):
        return parse(name)
    try:
        data = efi_variable.read_bytes()[_ATTRIBUTES:]
    except OSError:
        return None
    return parse(data.decode("utf-16-le", errors="replace").rstrip("\0"))


def trial_limit_s(variables: Mapping[str, str], argument: str = "") -> float:
    """Seconds after which a slot on trial that is not healthy gives up: a container node is told by its monitor, a
    machine by the kernel argument TRIAL_ARGUMENT."""
    try:
        return float(variables.get(TRIAL_LIMIT) or argument or DEFAULT_TRIAL_LIMIT_S)
    except ValueError:
        return DEFAULT_TRIAL_LIMIT_S
