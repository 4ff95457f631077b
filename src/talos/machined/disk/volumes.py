"""The volumes of the system disk at a machine's start: opened where they are encrypted, made where there is nothing,
mounted, grown.

STATE comes first: META says how to open it, and on it stands the configuration, which says how EPHEMERAL is opened. A
volume in clear that is to be encrypted is not mounted, as little as one that no key opens: what is written to it would
lie open, or vanish with the memory. It is no reason to do without the others.

What only encryption needs is imported where it is met: every machine waits for this module.
"""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from talos.controllers.block.started import VolumeState
from talos.linux import block
from talos.linux.block import BlockDevice
from talos.linux.disk_io import OpenDisk
from talos.linux.gpt import TableError
from talos.linux.mount import MS_NOATIME, MS_NODEV, MS_NOSUID, mount, mounted_at, mounts, umount
from talos.machined.disk import conversion, filesystem, layout, system_disk
from talos.machined.disk.filesystem import VolumeError
from talos.machined.disk.meta_store import STATE_ENCRYPTION, PartitionStore
from talos.machined.disk.system_disk import TARGETS, SystemDisk

if TYPE_CHECKING:
    from talos.config import Config
    from talos.config.view.model import Encryption, SystemVolume
    from talos.linux.cryptsetup import Cost
    from talos.machined.disk import luks
    from talos.machined.disk.early_network import EarlyNetwork
    from talos.machined.disk.encryption import Keys

log = logging.getLogger("machined.disk")

CONFIG = "config.yaml"
ELSEWHERE = "volumes.json"
"""there where EPHEMERAL lies on another disk (talos.machined.disk.ephemeral)"""
SIGNED = Path("/run/init/tpm2-pcr-signature.json")
"""there where the image carries a signature of its measurement (talos.machined.disk.measured)"""
SIGNED_REGISTER = 11
_DOCUMENT = re.compile(rb"[\r\n]---(?=\s)")
_LEGACY, _KIND = b"DiskEncryption", re.compile(rb"\bVolumeConfig\b")
_KEYS = re.compile(rb"encryption|provisioning|filesystem|disableAccessTime|(?i:false)")
"""in every document of a volume that says more than what holds anyway (`secure: true`, which `gen config` writes): a
configuration without is not read at a start, which takes a while"""
_PAUSE_S = 0.2
Targets = tuple[tuple[str, str, str, int], ...]


class BringUp:
    """One start. `keys` and `disks` are this machine's, `cost` that of key slots that are made."""

    def __init__(
        self,
        disk: SystemDisk,
        root: Path = Path("/"),
        targets: Targets = TARGETS,
        keys: Keys | None = None,
        cost: Cost | None = None,
        disks: Callable[[], list[BlockDevice]] = block.disks,
        patience_s: float = 15.0,
    ) -> None:
        self._disk, self._root, self._targets, self._cost = disk, root, targets, cost
        self._own_keys, self._disks, self._patience_s = keys, disks, patience_s
        self._network = _Lazily()
        self._state: Path | None = None
        """where STATE is mounted"""
        self._broken = False
        """STATE is there and cannot be used: what it says of the others is not known"""
        self._made: set[str] = set()
        self._read = b""
        self._config: Config | None = None

    def run(self) -> dict[str, VolumeState]:
        """Every volume by name; never raises for one of them."""
        found: dict[str, VolumeState] = {}
        for name, target, kind, flags in self._targets:
            state, where = VolumeState(), self._root / target.lstrip("/")
            found[name] = state
            try:
                partition = self._partition(name)
                if partition is not None:
                    state.partition = str(partition)
                    self._bring_up(name, partition, where, kind, self._flags(name, flags), state)
                else:
                    continue
            except (VolumeError, filesystem.FormatError, TableError, OSError) as error:
                state.problem = f"{name} is not mounted: {error}"
                self._broken = self._broken or name == layout.STATE
                continue
            if name == layout.STATE:
                self._state = where
        self._network.close()
        self._close()
        return found

    def _partition(self, name: str) -> Path | None:
        """Where a volume lies. EPHEMERAL is made here if there is none. VolumeError, TableError, OSError."""
        if name != layout.EPHEMERAL:
            return self._disk.device(name)
        if self._broken:
            if (there := self._disk.device(name)) is None:
                raise VolumeError("where it is to be made stands on STATE")
            return there
        wanted = self._settings(name)
        if self._state is not None and (wanted or (self._state / ELSEWHERE).exists()):
            return self._placed(wanted, self._state)
        self._disk = system_disk.with_ephemeral(self._disk)
        return self._disk.device(name)

    def _placed(self, wanted: SystemVolume | None, state: Path) -> Path:
        """EPHEMERAL where the configuration wants it, or where it was made. A disk beside the system's may need a
        moment to appear. VolumeError, OSError."""
        from talos.config.view.model import Provisioning
        from talos.machined.disk import ephemeral

        place = wanted.provisioning if wanted else Provisioning()
        anew = layout.EPHEMERAL in conversion.requested(state)
        deadline = time.monotonic() + self._patience_s
        while True:
            try:
                return ephemeral.partition(self._disk.path, state, place, self._disks(), anew=anew)
            except VolumeError:
                if time.monotonic() >= deadline:
                    raise
            time.sleep(_PAUSE_S)

    def _flags(self, name: str, flags: int) -> int:
        """Of EPHEMERAL as the configuration has them. VolumeError."""
        if name == layout.EPHEMERAL and not self._broken and (wanted := self._settings(name)):
            flags = flags if wanted.secure else flags & ~(MS_NOSUID | MS_NODEV)
            flags |= MS_NOATIME if wanted.disable_access_time else 0
        return flags

    def _settings(self, name: str) -> SystemVolume | None:
        """What the configuration says of a volume beside its encryption. VolumeError."""
        config = self._configuration()
        return config.machine.system_volumes.get(name) if config is not None else None

    def _close(self) -> None:
        """Nothing asks the TPM for a key after this."""
        if not SIGNED.exists():
            return
        from talos.linux.tpm import TpmError

        try:
            self._keys.close()
        except TpmError as error:
            log.info("no register is extended: %s", error)

    @property
    def _keys(self) -> Keys:
        if self._own_keys is None:
            from talos.machined.disk.encryption import Keys

            try:
                meta = self._meta().load()
            except (OSError, ValueError) as error:
                log.warning("META cannot be read, keys are looked for without it: %s", error)
                meta = {}
            self._own_keys = Keys(network=self._network, meta=meta)
        return self._own_keys.with_state(self._state)

    def _bring_up(self, name: str, partition: Path, where: Path, kind: str, flags: int, state: VolumeState) -> None:
        if mounted_at(where) is not None and _is_mounted(partition):
            state.device = str(partition)
            return
        where.mkdir(parents=True, exist_ok=True)
        device, opened, wanted = partition, None, None
        if name in layout.ENCRYPTABLE:
            wanted = self._of_meta() if name == layout.STATE else self._configured().get(name)
            opened = self._opened(name, partition, wanted)
            device = opened.device if opened else partition
            self._ensure(name, partition, kind, opened)
        mount(str(device), where, kind, flags)
        if name == layout.STATE and opened is None and (asked := self._asked_of_state(where)):
            if name in conversion.requested(where):
                wanted, opened = asked, self._convert_state(partition, where, flags, asked)
                device = opened.device
            else:
                state.failed_syncs = ["it lies in clear, and the configuration wants it encrypted: it has to be wiped"]
        state.device, state.fresh = str(device), conversion.is_fresh(name, where)
        if opened is not None and wanted is not None:
            state.encrypted, state.slot = True, opened.slot
            wanted, state.failed_syncs = self._synced(name, partition, wanted, opened, where)
            state.keys = [key.kind for key in wanted.keys]
            state.locked_to_state = any(key.lock_to_state for key in wanted.keys)
            state.allow_discards = wanted.allow_discards
            if sealed := [key for key in wanted.keys if key.kind == "tpm"]:
                from talos.machined.disk.encryption import SECURE_BOOT_REGISTERS

                state.signed_registers = [SIGNED_REGISTER] if SIGNED.exists() else []
                state.registers = sorted({r for key in sealed for r in key.registers or SECURE_BOOT_REGISTERS})
        filesystem.fill(where, device, kind)

    def _ensure(self, name: str, partition: Path, kind: str, opened: luks.Opened | None) -> None:
        wanted = self._settings(name) if name == layout.EPHEMERAL and not self._broken else None
        group = wanted.min_allocation_group_size if wanted else 0
        if opened is None:
            filesystem.ensure(partition, kind, name, group)
        elif opened.unformatted:
            from talos.machined.disk import luks

            filesystem.make(opened.device, kind, name, group)
            luks.formatted(partition, name)
        else:
            filesystem.ensure(opened.device, kind, name, group)

    def _opened(self, name: str, partition: Path, wanted: Encryption | None) -> luks.Opened | None:
        """None: the volume is in clear, and is to be."""
        there = filesystem.found(partition)
        if wanted is None:
            if there == "" and self._broken:
                raise VolumeError("whether it is to be encrypted stands on STATE")
            if there != "luks":
                return None
            source = "META does not say" if name == layout.STATE else "there is no configuration that says"
            raise VolumeError(f"it is encrypted, and {source} with which key")
        from talos.machined.disk import encrypted

        converted = self._state is not None and there == "xfs" and name in conversion.requested(self._state)
        opened, made = encrypted.opened(
            name, partition, wanted, self._keys, self._state, self._cost,
            emptied=f"`talosctl reset --system-labels-to-wipe {name}`", converted=converted,
        )  # fmt: skip
        if made:
            self._made.add(name)
        if converted and self._state is not None:
            conversion.done(self._state, name)
        return opened

    def _asked_of_state(self, where: Path) -> Encryption | None:
        """What the configuration on a STATE in clear wants of it. One that cannot be read is reported by whoever needs
        it."""
        self._state = where
        try:
            return self._configured().get(layout.STATE)
        except VolumeError:
            return None

    def _convert_state(self, partition: Path, where: Path, flags: int, wanted: Encryption) -> luks.Opened:
        """STATE was mounted in clear; it is mounted again, encrypted, with what was on it. VolumeError, OSError."""
        from talos.machined.disk import luks

        log.info("STATE is encrypted")
        files = conversion.take(where)
        self._to_meta(wanted)
        umount(where)
        with OpenDisk(partition, writable=True) as opened:
            opened.wipe(0, opened.size)
        luks.make(partition, layout.STATE, wanted, self._keys, self._cost)
        self._made.add(layout.STATE)
        made = luks.open_volume(partition, layout.STATE, wanted, self._keys)
        self._ensure(layout.STATE, partition, "xfs", made)
        mount(str(made.device), where, "xfs", flags)
        conversion.give_back(where, files)
        conversion.done(where, layout.STATE)
        return made

    def _synced(
        self, name: str, partition: Path, wanted: Encryption, opened: luks.Opened, where: Path
    ) -> tuple[Encryption, list[str]]:
        """Bring the header in line with the configuration, if anything changed since that was done last. The volume is
        open and stays so: what does not succeed is reported."""
        from talos.machined.disk import encrypted, encryption

        before, of_state = wanted, name == layout.STATE
        try:
            if of_state:
                self._state = where
                wanted = self._configured().get(name, wanted)
            assert self._state is not None
            both = encryption.union(wanted, before)
            failed = encrypted.synced(
                name, partition, wanted, opened, self._keys, self._state, self._cost, made=name in self._made,
                before_removal=(lambda: self._to_meta(both)) if of_state else (lambda: None),
            )  # fmt: skip
            if of_state and not failed and before != wanted:
                self._to_meta(wanted)
        except (VolumeError, OSError) as error:
            return wanted, [str(error)]
        return wanted, failed

    def _of_meta(self) -> Encryption | None:
        """How META says that STATE is encrypted. VolumeError."""
        data = self._meta().load().get(STATE_ENCRYPTION)
        if not data:
            return None
        from talos.machined.disk import encryption

        try:
            return encryption.decode(data)
        except ValueError as error:
            raise VolumeError(f"META's value {STATE_ENCRYPTION} does not say how to open it: {error}") from error

    def _to_meta(self, wanted: Encryption) -> None:
        from talos.machined.disk import encryption

        store = self._meta()
        store.save({**store.load(), STATE_ENCRYPTION: encryption.encode(wanted)})

    def _meta(self) -> PartitionStore:
        device = self._disk.device(layout.META)
        assert device is not None
        return PartitionStore(device)

    def _configured(self) -> dict[str, Encryption]:
        """What the configuration on STATE wants encrypted. VolumeError: it cannot be read."""
        config = self._configuration()
        return config.machine.encryption if config is not None else {}

    def _configuration(self) -> Config | None:
        """The configuration on STATE if it says something of volumes. VolumeError: it cannot be read."""
        if self._state is None:
            return None
        try:
            data = (self._state / CONFIG).read_bytes()
        except FileNotFoundError:
            return None
        if not concerns_volumes(data):
            return None
        if data != self._read:
            from talos.config import Config, ConfigError

            try:
                self._config, self._read = Config.decode(data.decode()), data
            except (ConfigError, UnicodeDecodeError) as error:
                raise VolumeError(f"the configuration on STATE cannot be read: {error}") from error
        return self._config


def concerns_volumes(config: bytes) -> bool:
    """Whether a configuration may say something of the system's volumes; decided without reading it."""
    return _LEGACY in config or any(
        _KIND.search(document) and _KEYS.search(document) for document in _DOCUMENT.split(config)
    )


class _Lazily:
    """The network of this process, with its imports when a key of a server is met and not before."""

    def __init__(self) -> None:
        self._network: EarlyNetwork | None = None

    def require(self, state: Path | None, meta: dict[int, bytes]) -> None:
        if self._network is None:
            from talos.machined.disk.early_network import EarlyNetwork

            self._network = EarlyNetwork()
        self._network.require(state, meta)

    def close(self) -> None:
        if self._network is not None:
            self._network.close()

    def resolve(self, host: str) -> list[str]:
        assert self._network is not None, "require comes first"
        return self._network.resolve(host)


def _is_mounted(partition: Path) -> bool:
    """A partition, or its clear mapping."""
    numbers = {_number(partition)}
    for holder in Path("/sys/class/block", partition.name, "holders").glob("*"):
        numbers.add((holder / "dev").read_text().strip())
    return any(mount.device in numbers for mount in mounts())


def _number(device: Path) -> str:
    number = device.stat().st_rdev
    return f"{os.major(number)}:{os.minor(number)}"
