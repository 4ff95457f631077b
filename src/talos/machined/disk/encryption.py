"""What opens an encrypted volume: passphrases from the configuration's keys, and where they are kept.

How STATE is encrypted cannot stand on STATE: it is a value of META, in clear, a static passphrase included. How
EPHEMERAL was encrypted last stands on STATE, beside the salt of keys that are locked to it.

    static   the passphrase itself
    nodeID   UUID of the machine in lower case, then the volume's name: what Talos uses
    tpm      32 random bytes, sealed to the chip; what unseals them stands as a token in the header. Where the image
             carries a signature of its measurement (talos.machined.disk.measured), they are sealed to its signer too
    kms      32 random bytes; a server keeps them sealed (talos.machined.disk.kms), what it unseals stands as a token
"""

from __future__ import annotations

import base64
import hashlib
import logging
import os
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import msgspec

from talos.config.view.model import Encryption, EncryptionKey
from talos.machined import durable
from talos.machined.disk import measured
from talos.machined.disk.layout import ENCRYPTABLE

if TYPE_CHECKING:
    from talos.linux.tpm import Transmit

log = logging.getLogger("machined.disk")

PRODUCT_UUID = Path("/sys/class/dmi/id/product_uuid")
SALT = "encryption-salt.yaml"
SALT_BYTES = 32
SECRET_BYTES = 32
RECORD = "encryption.json"
PROVIDER = "luks2"
CARRIED_OUT = ("static", "nodeID", "kms", "tpm")
TOKEN, KMS_TOKEN = "talos.tpm2", "talos.kms"
KMS_PATIENCE_S, KMS_PAUSE_S = 300.0, 2.0
SECURE_BOOT_REGISTERS = (7,)
"""what the firmware measures of Secure Boot: whether it is on, and whose keys it takes"""
SECURE_BOOT = Path("/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c")


class Kept(msgspec.Struct, frozen=True):
    """What a key server sealed."""

    endpoint: str
    sealed: bytes


class Network(Protocol):
    """How a key server is reached before the node has a network."""

    def require(self, state: Path | None, meta: dict[int, bytes]) -> None:
        """Returns when there is one. OSError."""

    def resolve(self, host: str) -> list[str]:
        """Addresses of a name. OSError."""


class KeyUnavailableError(Exception):
    """A key cannot be had on this machine now; the text says why."""


class Keys:
    """Passphrases for the keys of a configuration, on this machine."""

    def __init__(
        self,
        product_uuid: Path | None = None,
        state: Path | None = None,
        chip: Callable[[], AbstractContextManager[Transmit]] | None = None,
        measured_in: Path | None = None,
        network: Network | None = None,
        meta: dict[int, bytes] | None = None,
    ) -> None:
        """state: the mounted STATE, None while it is not there. chip: None for this machine's TPM. measured_in: where
        the image's signature lies, None for where the first stage puts it. network: None on a node that has one;
        meta: what META says of it."""
        self._product_uuid = product_uuid or PRODUCT_UUID
        self._state = state
        self._chip = chip
        self._measured_in = measured_in or measured.FOLDER
        self._network, self._meta = network, meta or {}

    def with_state(self, state: Path | None) -> Keys:
        """The same, once STATE is mounted."""
        return Keys(self._product_uuid, state, self._chip, self._measured_in, self._network, self._meta)

    def made(self, key: EncryptionKey, volume: str) -> tuple[bytes, str]:
        """For a slot that is to be filled: passphrase, and the token that tells it again ("" for a key that needs
        none). KeyUnavailableError."""
        if key.kind == "kms":
            return self._handed_over(key)
        if key.kind != "tpm":
            return self.value(key, volume), ""
        if key.check_secure_boot and not secure_boot():
            raise KeyUnavailableError("Secure Boot is off, and the configuration seals under it only")
        secret = os.urandom(SECRET_BYTES)
        from talos.linux import tpm

        try:
            with (self._chip or tpm.opened)() as chip:
                sealed = tpm.seal(chip, secret, _registers(key), measured.signer(self._measured_in))
        except tpm.TpmError as error:
            raise KeyUnavailableError(str(error)) from error
        token = {"type": TOKEN, "keyslots": [], **msgspec.to_builtins(sealed)}
        return self._locked(key, base64.b64encode(secret)), msgspec.json.encode(token).decode()

    def value(self, key: EncryptionKey, volume: str, token: str = "") -> bytes:
        """For a slot that is filled. KeyUnavailableError."""
        if key.kind == "static":
            value = key.passphrase.encode()
        elif key.kind == "nodeID":
            value = (self._node() + volume).encode()
        elif key.kind == "tpm":
            value = base64.b64encode(self._unsealed(token))
        elif key.kind == "kms":
            value = base64.b64encode(self._got_back(token))
        else:
            raise KeyUnavailableError(f"keys of kind {key.kind} are not carried out by this version")
        return self._locked(key, value)

    def _locked(self, key: EncryptionKey, value: bytes) -> bytes:
        return value + self._salt() if key.lock_to_state else value

    def _unsealed(self, token: str) -> bytes:
        if not token:
            raise KeyUnavailableError("nothing that a TPM sealed stands in the header")
        from talos.linux import tpm

        try:
            sealed = msgspec.json.decode(token, type=tpm.Sealed)
            with (self._chip or tpm.opened)() as chip:
                return tpm.unseal(chip, sealed, measured.approved(sealed.signer, self._measured_in))
        except msgspec.MsgspecError as error:
            raise KeyUnavailableError(f"what stands in the header is not for a TPM: {error}") from error
        except tpm.TpmError as error:
            raise KeyUnavailableError(str(error)) from error

    def _handed_over(self, key: EncryptionKey) -> tuple[bytes, str]:
        """A new key, and what the server made of it."""
        from talos.machined.disk import kms

        uuid, secret = self._node(), os.urandom(SECRET_BYTES)
        try:
            kept = Kept(key.endpoint, kms.seal(key.endpoint, uuid, secret, self._resolver()))
            # Once more, before anything depends on it.
            if kms.unseal(key.endpoint, uuid, kept.sealed, self._resolver()) != secret:
                raise KeyUnavailableError(f"the key server {key.endpoint} gives back something else than it was given")
        except (kms.KmsError, OSError) as error:
            raise KeyUnavailableError(str(error)) from error
        token = {"type": KMS_TOKEN, "keyslots": [], **msgspec.to_builtins(kept)}
        return self._locked(key, base64.b64encode(secret)), msgspec.json.encode(token).decode()

    def _got_back(self, token: str) -> bytes:
        """As long as it takes a server that starts with the machine, after a power cut of the whole site."""
        if not token:
            raise KeyUnavailableError("nothing that a key server sealed stands in the header")
        from talos.machined.disk import kms

        try:
            kept = msgspec.json.decode(token, type=Kept)
        except msgspec.MsgspecError as error:
            raise KeyUnavailableError(f"what stands in the header is not for a key server: {error}") from error
        uuid, said = self._node(), ""
        end = time.monotonic() + (KMS_PATIENCE_S if self._network is not None else 0.0)
        while True:
            try:
                return kms.unseal(kept.endpoint, uuid, kept.sealed, self._resolver())
            except (kms.KmsError, OSError) as error:
                if time.monotonic() > end:
                    raise KeyUnavailableError(str(error)) from error
                if str(error) != said:
                    log.warning("%s; asked again", error)
                said = str(error)
            time.sleep(KMS_PAUSE_S)

    def _resolver(self) -> Callable[[str], list[str]] | None:
        if self._network is None:
            return None
        self._network.require(self._state, self._meta)
        return self._network.resolve

    def outdated(self, key: EncryptionKey, token: str) -> bool:
        """Whether a filled slot is sealed to something else than the configuration and this image ask for."""
        if key.kind == "kms":
            try:
                return msgspec.json.decode(token, type=Kept).endpoint != key.endpoint
            except msgspec.MsgspecError:
                return True
        if key.kind != "tpm":
            return False
        from talos.linux import tpm

        try:
            sealed = msgspec.json.decode(token, type=tpm.Sealed)
        except msgspec.MsgspecError:
            return True
        return (sealed.registers, sealed.signer) != (_registers(key), measured.signer(self._measured_in))

    def close(self) -> None:
        """Nothing more is unsealed until the machine starts anew, if the image carries a signature. TpmError."""
        if not measured.signer(self._measured_in):
            return
        from talos.linux import tpm

        with (self._chip or tpm.opened)() as chip:
            tpm.extend(chip, measured.REGISTER, measured.CLOSED)

    def _node(self) -> str:
        try:
            found = self._product_uuid.read_text().strip().lower()
        except OSError as error:
            raise KeyUnavailableError(f"this machine has no UUID: {error.strerror}") from error
        # A board whose maker left the field alone says 03000200-0400-…, or one digit over and over.
        if not found or max(found.count(one) for one in set(found)) > len(found) // 2:
            raise KeyUnavailableError(f"this machine's UUID {found!r} is none that tells it from others")
        return found

    def _salt(self) -> bytes:
        if self._state is None:
            raise KeyUnavailableError("it is locked to STATE, which is not there yet")
        return salt(self._state)

    def fingerprint(self) -> str:
        """Changes when the machine does, or the maker of its image; "" for a machine without UUID."""
        try:
            return hashlib.sha256(self._node().encode() + measured.signer(self._measured_in)).hexdigest()
        except KeyUnavailableError:
            return ""


def _registers(key: EncryptionKey) -> tuple[int, ...]:
    return key.registers or SECURE_BOOT_REGISTERS


def secure_boot(variable: Path | None = None) -> bool:
    """Whether the firmware started the machine under Secure Boot."""
    try:
        return (variable or SECURE_BOOT).read_bytes()[-1:] == b"\1"
    except OSError:
        return False


def salt(state: Path) -> bytes:
    """Random bytes on STATE without which a locked key opens nothing, made when first used. OSError,
    KeyUnavailableError."""
    import yaml

    path = state / SALT
    try:
        found = yaml.safe_load(path.read_bytes())["diskSalt"]
        if isinstance(found, bytes) and len(found) == SALT_BYTES:
            return found
    except FileNotFoundError:
        pass
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise KeyUnavailableError(f"{path} cannot be read: {error}") from error
    else:
        raise KeyUnavailableError(f"{path} holds no salt of {SALT_BYTES} bytes")
    made = os.urandom(SALT_BYTES)
    durable.write(path, yaml.safe_dump({"diskSalt": made}).encode())
    return made


def encode(encryption: Encryption) -> bytes:
    """META's value for STATE."""
    return msgspec.json.encode(encryption)


def decode(data: bytes) -> Encryption:
    """ValueError: it is no such value."""
    return msgspec.json.decode(data, type=Encryption)


class Remembered(msgspec.Struct, frozen=True):
    """What a volume's header was brought in line with last. uuid: the header's."""

    uuid: str
    node: str
    encryption: Encryption


def remembered(state: Path) -> dict[str, Remembered]:
    """By volume; nothing from a file that is missing or not ours: then every key is tried."""
    try:
        return msgspec.json.decode((state / RECORD).read_bytes(), type=dict[str, Remembered])
    except (OSError, ValueError):
        return {}


def remember(state: Path, volumes: dict[str, Remembered]) -> None:
    """OSError."""
    durable.write(state / RECORD, msgspec.json.encode(volumes))


def union(new: Encryption, old: Encryption) -> Encryption:
    """Keys of both, the new ones first: what may open a volume while slots are exchanged; a slot may stand twice."""
    return msgspec.structs.replace(new, keys=(*new.keys, *(key for key in old.keys if key not in new.keys)))


def refusal(wanted: dict[str, Encryption]) -> str:
    """Why encryption that is asked for system volumes cannot be had, "" if it can."""
    for volume, encryption in wanted.items():
        if volume not in ENCRYPTABLE:
            return f"{volume}: encryption is carried out for {' and '.join(ENCRYPTABLE)} only"
        if refused := refusal_of(volume, encryption):
            return refused
        if volume == "STATE" and any(key.lock_to_state for key in encryption.keys):
            return "STATE: a key cannot be locked to STATE, which it is to open"
    return ""


def refusal_of(volume: str, encryption: Encryption) -> str:
    """The same for one volume, of whatever kind."""
    if encryption.provider not in ("", PROVIDER):
        return f"{volume}: encryption by {encryption.provider!r} is not carried out, by {PROVIDER} it is"
    for key in encryption.keys:
        if key.kind not in CARRIED_OUT:
            return (
                f"{volume}: key slot {key.slot} asks for {key.kind}, which is not carried out by this version: "
                f"{' and '.join(CARRIED_OUT)} are"
            )
        if key.kind == "kms":
            from talos.machined.disk import kms

            try:
                kms.Endpoint.parse(key.endpoint)
            except kms.KmsError as error:
                return f"{volume}: key slot {key.slot}: {error}"
    return "" if encryption.keys else f"{volume} is to be encrypted, and no key is named"
