"""TPM 2.0 by its commands: a few bytes sealed to this chip and to the state of its registers, and got back
(TCG TPM 2.0 Library, part 1 for sessions, part 3 for commands; /dev/tpmrm0, tpm(4)).

The state may also be one that somebody vouches for: what is sealed then opens under any value of a register that comes
with a signature of the key it was sealed to (TPM2_PolicyAuthorize), so that an image may follow another.

What travels to the chip and back is encrypted with a key that only the chip can work out, and the chip's own key is
remembered when the bytes are sealed: somebody between the processor and the chip (a probe on the bus, a chip of their
own) reads nothing. Rejected: tpm2-tss through ctypes, four libraries of 1.5 MB for seven commands.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import struct
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms

try:  # where it went in cryptography 45
    from cryptography.hazmat.decrepit.ciphers.modes import CFB
except ImportError:
    from cryptography.hazmat.primitives.ciphers.modes import CFB

DEVICE = Path("/dev/tpmrm0")
MAJOR = Path("/sys/class/tpm/tpm0/tpm_version_major")
REGISTERS = range(24)
_ANSWER_BYTES = 4096
_NO_SESSIONS, _SESSIONS = 0x8001, 0x8002
_CREATE_PRIMARY, _CREATE, _LOAD, _UNSEAL, _FLUSH = 0x131, 0x153, 0x157, 0x15E, 0x165
_START_SESSION, _POLICY_PCR, _POLICY_DIGEST = 0x176, 0x17F, 0x189
_LOAD_EXTERNAL, _VERIFY, _POLICY_AUTHORIZE, _EXTEND = 0x167, 0x177, 0x16A, 0x182
_OWNER, _NULL_HANDLE, _PASSWORD = 0x40000001, 0x40000007, 0x40000009
_SHA256, _AES, _CFB, _ECC, _KEYED_HASH, _NULL, _P256 = 0x0B, 0x06, 0x43, 0x23, 0x08, 0x10, 0x03
_RSA, _RSASSA, _VERIFIED, _EXPONENT = 0x01, 0x14, 0x8022, 65537
_CHECKS_SIGNATURES = 0x00060040  # userWithAuth, decrypt, sign: as systemd names such a key
_HMAC_SESSION, _POLICY_SESSION, _TRIAL_SESSION = 0, 1, 3
_CONTINUE, _DECRYPT, _ENCRYPT = 1, 1 << 5, 1 << 6
# fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, noDA, restricted, decrypt
_STORAGE = 0x00030472
_SEALED = 0x412  # fixedTPM, fixedParent, noDA; no userWithAuth: the policy is the only way
_REFUSALS = {
    0x099D: "the registers of the chip are not what they were (measured boot)",
    0x01C4: "the registers of the chip are not those that the image's signature names (measured boot)",
    0x02DB: "the image's signature is not one of the key that it was sealed to",
}


class TpmError(Exception):
    """The chip refused, or is not there; the text says what."""


class Sealed(msgspec.Struct, frozen=True):
    """What the chip keeps nothing of. primary: the chip's storage key as a point, x then y. signer: the RSA key (DER,
    SubjectPublicKeyInfo) whose signature says which values of further registers are good; empty: none is needed."""

    public: bytes
    private: bytes
    primary: bytes
    registers: tuple[int, ...]
    signer: bytes = b""


class Approved(msgspec.Struct, frozen=True):
    """Values of registers that somebody vouches for. policy: their digest (`registers_policy`); signature: RSASSA with
    SHA-256 over it."""

    registers: tuple[int, ...]
    policy: bytes
    signature: bytes


Transmit = Callable[[bytes], bytes]
"""a command to its answer. OSError"""


@contextmanager
def opened(device: Path = DEVICE) -> Iterator[Transmit]:
    """The chip behind the kernel's resource manager. TpmError."""
    try:
        fd = os.open(device, os.O_RDWR | os.O_CLOEXEC)
    except OSError as error:
        raise TpmError(f"this machine has {_instead()} ({device}: {error.strerror})") from error

    def transmit(command: bytes) -> bytes:
        os.write(fd, command)
        return os.read(fd, _ANSWER_BYTES)

    try:
        yield transmit
    finally:
        os.close(fd)


def _instead() -> str:
    """What there is where the resource manager is not, which is for TPM 2.0 only."""
    with contextlib.suppress(OSError):
        if MAJOR.read_text().strip() == "1":
            return "a TPM 1.2, which cannot seal keys for disks: they need a TPM 2.0"
    return "no TPM 2.0"


def registers_policy(values: dict[int, bytes]) -> bytes:
    """The digest of TPM2_PolicyPCR for values of the SHA-256 bank, in a session that holds nothing yet: what a signer
    signs. Pure."""
    composite = hashlib.sha256(b"".join(values[register] for register in sorted(values))).digest()
    return hashlib.sha256(bytes(32) + struct.pack(">I", _POLICY_PCR) + _selection(sorted(values)) + composite).digest()


def extend(transmit: Transmit, register: int, data: bytes) -> None:
    """Measure something: the register cannot hold again what it held before, until the machine is started anew."""
    digests = struct.pack(">IH", 1, _SHA256) + hashlib.sha256(data).digest()
    _call(transmit, _EXTEND, (register,), digests, authorized=True)


def seal(transmit: Transmit, secret: bytes, registers: Sequence[int], signer: bytes = b"") -> Sealed:
    """To what `registers` hold now, and to values that `signer` vouches for. TpmError."""
    with _Primary(transmit) as primary:
        with _Session(transmit, primary, _TRIAL_SESSION) as trial:
            if signer:
                nothing = struct.pack(">HIH", _VERIFIED, _NULL_HANDLE, 0)  # a trial asks for no proof
                _authorize(transmit, trial, b"", _name(_signer_area(signer)), nothing)
            _policy(transmit, trial, registers)
            digest = _Reader(_call(transmit, _POLICY_DIGEST, (trial.handle,))).sized()
        with _Session(transmit, primary, _HMAC_SESSION) as session:
            public = struct.pack(">HHI", _KEYED_HASH, _SHA256, _SEALED) + _sized(digest) + struct.pack(">HH", _NULL, 0)
            answer = session.call(
                _CREATE, (primary.handle,), (primary.name,), _sized(_sized(b"") + _sized(secret)),
                _sized(public) + _sized(b"") + bytes(4), _DECRYPT,
            )  # fmt: skip
        read = _Reader(answer)
        private, public = read.sized(), read.sized()
        return Sealed(public, private, primary.point, tuple(registers), signer)


def unseal(transmit: Transmit, sealed: Sealed, approved: Approved | None = None) -> bytes:
    """TpmError: it is another chip, or its registers hold something else. `approved`: for what has a signer."""
    with _Primary(transmit) as primary:
        if primary.point != sealed.primary:
            raise TpmError("this is not the chip that it was sealed with, or it was cleared")
        blobs = _sized(sealed.private) + _sized(sealed.public)
        answer = _call(transmit, _LOAD, (primary.handle,), blobs, authorized=True, handles=1)
        (handle,), name = struct.unpack(">I", answer[:4]), _Reader(answer[4:]).sized()
        try:
            with _Session(transmit, primary, _POLICY_SESSION) as session:
                if sealed.signer:
                    if approved is None:
                        raise TpmError("it was sealed to images that carry a signature, and this one carries none")
                    _policy(transmit, session, approved.registers)
                    ticket = _verified(transmit, sealed.signer, approved)
                    _authorize(transmit, session, approved.policy, _name(_signer_area(sealed.signer)), ticket)
                _policy(transmit, session, sealed.registers)
                return _Reader(session.call(_UNSEAL, (handle,), (name,), b"", b"", _ENCRYPT)).sized()
        finally:
            _call(transmit, _FLUSH, (), struct.pack(">I", handle))


def _selection(registers: Sequence[int]) -> bytes:
    bits = sum(1 << register for register in set(registers))
    return struct.pack(">IHB", 1, _SHA256, 3) + bits.to_bytes(3, "little")


def _policy(transmit: Transmit, session: _Session, registers: Sequence[int]) -> None:
    if registers:
        _call(transmit, _POLICY_PCR, (session.handle,), _sized(b"") + _selection(registers))


def _authorize(transmit: Transmit, session: _Session, policy: bytes, signer: bytes, ticket: bytes) -> None:
    """What the session has proved becomes: something that this signer approved. signer: its name."""
    _call(transmit, _POLICY_AUTHORIZE, (session.handle,), _sized(policy) + _sized(b"") + _sized(signer) + ticket)


def _verified(transmit: Transmit, signer: bytes, approved: Approved) -> bytes:
    """The chip's own proof that it has seen a good signature."""
    area = _signer_area(signer)
    answer = _call(transmit, _LOAD_EXTERNAL, (), _sized(b"") + _sized(area) + struct.pack(">I", _OWNER))
    handle = _Reader(answer).number()
    try:
        signed = struct.pack(">HH", _RSASSA, _SHA256) + _sized(approved.signature)
        return _call(transmit, _VERIFY, (handle,), _sized(hashlib.sha256(approved.policy).digest()) + signed)
    finally:
        _call(transmit, _FLUSH, (), struct.pack(">I", handle))


def _signer_area(signer: bytes) -> bytes:
    """A public key as the chip describes it (TPMT_PUBLIC). TpmError: it is no RSA key."""
    try:
        key = serialization.load_der_public_key(signer)
    except ValueError as error:
        raise TpmError(f"the key of the image's signature cannot be read: {error}") from error
    if not isinstance(key, rsa.RSAPublicKey) or key.public_numbers().e != _EXPONENT:
        raise TpmError("the key of the image's signature is no RSA key with the exponent 65537")
    modulus = key.public_numbers().n.to_bytes(key.key_size // 8, "big")
    head = struct.pack(">HHI", _RSA, _SHA256, _CHECKS_SIGNATURES) + _sized(b"")
    return head + struct.pack(">HHHI", _NULL, _NULL, key.key_size, 0) + _sized(modulus)


def _name(area: bytes) -> bytes:
    return struct.pack(">H", _SHA256) + hashlib.sha256(area).digest()


# -- commands --


def _sized(data: bytes) -> bytes:
    return struct.pack(">H", len(data)) + data


class _Reader:
    """Fields of an answer. TpmError where it ends too early."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    def take(self, length: int) -> bytes:
        if length > len(self._data):
            raise TpmError("the chip's answer is cut short")
        taken, self._data = self._data[:length], self._data[length:]
        return taken

    def sized(self) -> bytes:
        return self.take(int.from_bytes(self.take(2), "big"))

    def number(self, length: int = 4) -> int:
        return int.from_bytes(self.take(length), "big")


def _call(
    transmit: Transmit,
    code: int,
    to: Sequence[int],
    parameters: bytes = b"",
    *,
    authorized: bool = False,
    handles: int = 0,
) -> bytes:
    """One command, with an empty password where it has to be authorized: handles of the answer, then its parameters."""
    names = b"".join(struct.pack(">I", handle) for handle in to)
    if not authorized:
        return _exchange(transmit, _NO_SESSIONS, code, names + parameters)
    password = struct.pack(">IHBH", _PASSWORD, 0, _CONTINUE, 0)
    answer = _exchange(transmit, _SESSIONS, code, names + struct.pack(">I", len(password)) + password + parameters)
    read = _Reader(answer)
    return read.take(4 * handles) + read.take(read.number())


def _exchange(transmit: Transmit, tag: int, code: int, body: bytes) -> bytes:
    try:
        answer = transmit(struct.pack(">HII", tag, 10 + len(body), code) + body)
    except OSError as error:
        raise TpmError(f"the chip does not answer: {error.strerror}") from error
    read = _Reader(answer)
    _tag, size, result = read.number(2), read.number(), read.number()
    if result:
        raise TpmError(_REFUSALS.get(result, f"the chip refuses command {code:#x} with {result:#x}"))
    return read.take(size - 10)


class _Primary:
    """The storage key of the owner's hierarchy: the same at every start of a chip, until it is cleared."""

    def __init__(self, transmit: Transmit) -> None:
        self._transmit = transmit

    def __enter__(self) -> _Primary:
        template = (
            struct.pack(">HHI", _ECC, _SHA256, _STORAGE) + _sized(b"")
            + struct.pack(">HHHHHH", _AES, 128, _CFB, _NULL, _P256, _NULL) + _sized(b"") + _sized(b"")
        )  # fmt: skip
        parameters = _sized(_sized(b"") + _sized(b"")) + _sized(template) + _sized(b"") + bytes(4)
        answer = _call(self._transmit, _CREATE_PRIMARY, (_OWNER,), parameters, authorized=True, handles=1)
        read = _Reader(answer)
        self.handle = read.number()
        public = read.sized()
        self.name = struct.pack(">H", _SHA256) + hashlib.sha256(public).digest()
        point = _Reader(public[len(template) - 4 :])
        self.x, self.y = point.sized(), point.sized()
        return self

    def __exit__(self, *_error: object) -> None:
        _call(self._transmit, _FLUSH, (), struct.pack(">I", self.handle))

    @property
    def point(self) -> bytes:
        return self.x.rjust(32, b"\0") + self.y.rjust(32, b"\0")


class _Session:
    """A session whose key is agreed with the chip's storage key (part 1, C.6.1 and 19.6)."""

    def __init__(self, transmit: Transmit, primary: _Primary, kind: int) -> None:
        self._transmit, self._primary, self._kind = transmit, primary, kind

    def __enter__(self) -> _Session:
        own = ec.generate_private_key(ec.SECP256R1())
        try:
            theirs = ec.EllipticCurvePublicNumbers(
                int.from_bytes(self._primary.x, "big"), int.from_bytes(self._primary.y, "big"), ec.SECP256R1()
            ).public_key()
        except ValueError as error:
            raise TpmError("the chip's storage key is no point of the curve P-256") from error
        numbers = own.public_key().public_numbers()
        x, y = numbers.x.to_bytes(32, "big"), numbers.y.to_bytes(32, "big")
        shared = own.exchange(ec.ECDH(), theirs)
        their_x = self._primary.x.rjust(32, b"\0")
        salt = hashlib.sha256(struct.pack(">I", 1) + shared + b"SECRET\0" + x + their_x).digest()
        self._ours = os.urandom(32)
        parameters = (
            _sized(self._ours) + _sized(_sized(x) + _sized(y))
            + struct.pack(">BHHHH", self._kind, _AES, 128, _CFB, _SHA256)
        )  # fmt: skip
        read = _Reader(_call(self._transmit, _START_SESSION, (self._primary.handle, _NULL_HANDLE), parameters))
        self.handle, self._theirs = read.number(), read.sized()
        self._key = _derived(salt, b"ATH", self._theirs, self._ours)
        return self

    def __exit__(self, *_error: object) -> None:
        _call(self._transmit, _FLUSH, (), struct.pack(">I", self.handle))

    def call(
        self, code: int, to: Sequence[int], names: Sequence[bytes], first: bytes, rest: bytes, attributes: int
    ) -> bytes:
        """A command that this session authorizes, its first parameter (or that of the answer) encrypted on the way."""
        attributes |= _CONTINUE
        self._ours = os.urandom(32)
        if attributes & _DECRYPT:
            first = first[:2] + self._crypt(self._ours, self._theirs, first[2:], decrypt=False)
        digest = hashlib.sha256(struct.pack(">I", code) + b"".join(names) + first + rest).digest()
        proof = self._proof(digest, self._ours, self._theirs, attributes)
        authorization = struct.pack(">I", self.handle) + _sized(self._ours) + bytes([attributes]) + _sized(proof)
        handles = b"".join(struct.pack(">I", handle) for handle in to)
        body = handles + struct.pack(">I", len(authorization)) + authorization + first + rest
        read = _Reader(_exchange(self._transmit, _SESSIONS, code, body))
        answer = read.take(read.number())
        self._theirs, returned, proof = read.sized(), read.number(1), read.sized()
        digest = hashlib.sha256(struct.pack(">II", 0, code) + answer).digest()
        if not hmac.compare_digest(proof, self._proof(digest, self._theirs, self._ours, returned)):
            raise TpmError("the answer is not the chip's: something stands between it and the processor")
        if attributes & _ENCRYPT:
            length = int.from_bytes(answer[:2], "big")
            clear = self._crypt(self._theirs, self._ours, answer[2 : 2 + length], decrypt=True)
            answer = answer[:2] + clear + answer[2 + length :]
        return answer

    def _proof(self, digest: bytes, newer: bytes, older: bytes, attributes: int) -> bytes:
        return hmac.digest(self._key, digest + newer + older + bytes([attributes]), "sha256")

    def _crypt(self, newer: bytes, older: bytes, data: bytes, *, decrypt: bool) -> bytes:
        material = _derived(self._key, b"CFB", newer, older)
        cipher = Cipher(algorithms.AES(material[:16]), CFB(material[16:]))
        context = cipher.decryptor() if decrypt else cipher.encryptor()
        return context.update(data) + context.finalize()


def _derived(key: bytes, label: bytes, first: bytes, second: bytes) -> bytes:
    """KDFa for 256 bits (part 1, 11.4.10.2)."""
    return hmac.digest(key, struct.pack(">I", 1) + label + b"\0" + first + second + struct.pack(">I", 256), "sha256")
