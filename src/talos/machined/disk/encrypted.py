"""An encrypted volume beside the system's: opened, made where there is nothing, its key slots brought in line.

STATE is mounted by then, so nothing here has to be told by META (talos.machined.disk.volumes is about that).
"""

from __future__ import annotations

import logging
from pathlib import Path

from talos.config.view.model import Encryption
from talos.linux.cryptsetup import Cost
from talos.machined.disk import encryption, filesystem, luks
from talos.machined.disk.encryption import Keys, Remembered
from talos.machined.disk.filesystem import VolumeError

log = logging.getLogger("machined.disk")


def check_clear(device: Path) -> None:
    """VolumeError: what is configured to be in clear is not."""
    if filesystem.found(device) == "luks":
        raise VolumeError("it is encrypted, and the configuration does not say with which key")


def opened(name: str, device: Path, wanted: Encryption, keys: Keys, state: Path, cost: Cost | None) -> luks.Opened:
    """With a key of the configuration, or one of before. VolumeError, OSError."""
    if (there := filesystem.found(device)) not in ("", "luks"):
        raise VolumeError(
            f"it is to be encrypted and holds {there} in clear: wipe {device} with `talosctl wipe disk "
            f"{device.name}`, and it is made anew"
        )
    found = luks.look(device)
    if found is luks.Found.DAMAGED:
        raise VolumeError(
            f"{device} is not empty, and no LUKS2 header can be recognized on it, so it is left as it is: restore the "
            "header from a copy, or wipe it"
        )
    if found is not luks.Found.VOLUME:
        luks.make(device, name, wanted, keys, cost)
    before = encryption.remembered(state).get(name)
    return luks.open_volume(device, name, encryption.union(wanted, before.encryption) if before else wanted, keys)


def synced(
    name: str, device: Path, wanted: Encryption, volume: luks.Opened, keys: Keys, state: Path, cost: Cost | None
) -> list[str]:
    """What of the configured keys is not in the header, a sentence each. The volume is open and stays so."""
    try:
        remembered = encryption.remembered(state)
        now = Remembered(volume.uuid, keys.fingerprint(), wanted)
        same = remembered.get(name) == now and luks.active_slots(device) == {key.slot for key in wanted.keys}
        if same and not volume.tried:
            return []
        if failed := luks.sync(device, name, wanted, keys, volume, cost=cost):
            return failed
        encryption.remember(state, {**remembered, name: now})
    except (VolumeError, OSError) as error:
        return [str(error)]
    return []
