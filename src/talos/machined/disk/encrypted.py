"""An encrypted volume, the system's or another: opened, made where there is nothing, its key slots brought in line.

What META has to know of STATE is its caller's (talos.machined.disk.volumes).
"""

from __future__ import annotations

import logging
from collections.abc import Callable
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


def opened(
    name: str,
    device: Path,
    wanted: Encryption,
    keys: Keys,
    state: Path | None,
    cost: Cost | None,
    *,
    emptied: str = "",
    converted: bool = False,
) -> tuple[luks.Opened, bool]:
    """With a key of the configuration, or one of before; and whether it was made just now. emptied: how somebody
    empties what is in clear. converted: what is in clear is given up. VolumeError, OSError."""
    if not converted and (there := filesystem.found(device)) not in ("", "luks"):
        way = emptied or f"`talosctl wipe disk {device.name}`"
        raise VolumeError(f"it is to be encrypted and holds {there} in clear; wipe it with {way}, and it is made anew")
    found = luks.Found.NOTHING if converted else luks.look(device)
    if found is luks.Found.DAMAGED:
        raise VolumeError(
            f"{device} is not empty, and both copies of its LUKS2 header are damaged, so it is left as it is: restore "
            "the header from a copy, or wipe it"
        )
    if made := found is not luks.Found.VOLUME:
        luks.make(device, name, wanted, keys, cost)
    if state is not None and (before := encryption.remembered(state).get(name)):
        wanted = encryption.union(wanted, before.encryption)
    return luks.open_volume(device, name, wanted, keys), made


def synced(
    name: str,
    device: Path,
    wanted: Encryption,
    volume: luks.Opened,
    keys: Keys,
    state: Path,
    cost: Cost | None,
    *,
    made: bool = False,
    before_removal: Callable[[], None] = lambda: None,
) -> list[str]:
    """What of the configured keys is not in the header, a sentence each. The volume is open and stays so. made: just
    now, with these keys. before_removal: of the keys that it had."""
    try:
        remembered = encryption.remembered(state)
        now = Remembered(volume.uuid, keys.fingerprint(), wanted)
        same = remembered.get(name) == now
        kept = made or (same and not volume.tried and luks.active_slots(device) == {key.slot for key in wanted.keys})
        if not kept and (failed := luks.sync(device, name, wanted, keys, volume, before_removal, cost)):
            return failed
        if not same:
            encryption.remember(state, {**remembered, name: now})
    except (VolumeError, OSError) as error:
        return [str(error)]
    return []
