"""Sealing to a TPM, against a real implementation of one: what comes back, from which chip, in which state, and what an
interposer between chip and processor sees and can do."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.unit.swtpm import PROGRAM, Chip

from talos.linux import tpm
from talos.linux.tpm import Approved, TpmError

pytestmark = pytest.mark.skipif(shutil.which(PROGRAM) is None, reason="needs swtpm")
SECRET = b"thirty-two bytes of a disk's key"
few = settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def chip(tmp_path: Path) -> Iterator[Chip]:
    made = Chip(tmp_path / "chip")
    made.start()
    yield made
    made.stop()


@few
@given(secret=st.binary(min_size=1, max_size=128), registers=st.sets(st.sampled_from(tpm.REGISTERS), min_size=1))
def test_what_is_sealed_comes_back(chip: Chip, secret: bytes, registers: set[int]) -> None:
    sealed = tpm.seal(chip.transmit, secret, sorted(registers))
    assert secret not in sealed.private + sealed.public or len(secret) < 4
    assert tpm.unseal(chip.transmit, sealed) == secret


def test_it_comes_back_after_a_restart_and_not_after_another_boot(chip: Chip) -> None:
    sealed = tpm.seal(chip.transmit, SECRET, (7,))
    chip.restart()
    chip.extend(8)
    assert tpm.unseal(chip.transmit, sealed) == SECRET
    chip.extend(7)
    for _ in range(8):  # refusals leave nothing in the chip, which has room for three sessions
        with pytest.raises(TpmError, match="registers of the chip are not what they were"):
            tpm.unseal(chip.transmit, sealed)
    chip.restart()
    assert tpm.unseal(chip.transmit, sealed) == SECRET


def test_another_chip_has_nothing(chip: Chip, tmp_path: Path) -> None:
    sealed = tpm.seal(chip.transmit, SECRET, (7,))
    other = Chip(tmp_path / "other")
    other.start()
    try:
        with pytest.raises(TpmError, match="not the chip that it was sealed with"):
            tpm.unseal(other.transmit, sealed)
    finally:
        other.stop()


def test_the_secret_does_not_pass_between_chip_and_processor(chip: Chip) -> None:
    seen = []

    def listening(command: bytes) -> bytes:
        answer = chip.transmit(command)
        seen.extend((command, answer))
        return answer

    assert tpm.unseal(listening, tpm.seal(listening, SECRET, (7,))) == SECRET
    assert len(seen) > 20 and not any(SECRET[:8] in one for one in seen)


def test_an_answer_that_was_changed_on_the_way_is_refused(chip: Chip) -> None:
    sealed = tpm.seal(chip.transmit, SECRET, (7,))
    before = chip.answers
    tpm.unseal(chip.transmit, sealed)
    answers = chip.answers - before
    for position in (-1, 40, 20):  # of the answer to Unseal: its proof, the nonce, what it encrypts
        began = chip.answers

        def flipped(number: int, answer: bytes, at: int = position, unseal: int = began + answers - 3) -> bytes:
            if number != unseal:
                return answer
            changed = bytearray(answer)
            changed[at] ^= 1
            return bytes(changed)

        chip.meddle = flipped
        with pytest.raises(TpmError):
            tpm.unseal(chip.transmit, sealed)
        chip.meddle = lambda _number, answer: answer
        chip.restart()  # what a failure in the middle left behind


@few
@given(data=st.lists(st.binary(max_size=300), min_size=1, max_size=12))
def test_a_chip_that_answers_nonsense_is_refused(data: list[bytes]) -> None:
    answers = iter([*data, *[b""] * 40])
    with pytest.raises(TpmError):
        tpm.seal(lambda _command: next(answers), SECRET, (7,))


@pytest.fixture(scope="module")
def signing_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65537, 2048)


def public(key: rsa.RSAPrivateKey) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.DER, form)


def approved(key: rsa.RSAPrivateKey, value: bytes) -> Approved:
    policy = tpm.registers_policy({11: value})
    return Approved((11,), policy, key.sign(policy, padding.PKCS1v15(), hashes.SHA256()))


def extended(*measured: bytes) -> bytes:
    value = bytes(32)
    for data in measured:
        value = hashlib.sha256(value + hashlib.sha256(data).digest()).digest()
    return value


def test_what_is_sealed_to_a_signer_follows_from_image_to_image(chip: Chip, signing_key: rsa.RSAPrivateKey) -> None:
    sealed = tpm.seal(chip.transmit, SECRET, (7,), public(signing_key))
    for image in (b"first", b"second"):
        chip.restart()
        tpm.extend(chip.transmit, 11, image)
        assert tpm.unseal(chip.transmit, sealed, approved(signing_key, extended(image))) == SECRET
    good = approved(signing_key, extended(b"second"))
    tpm.extend(chip.transmit, 11, b"the system runs")  # nobody who comes later gets it
    for _ in range(8):
        with pytest.raises(TpmError, match="not those that the image's signature names"):
            tpm.unseal(chip.transmit, sealed, good)
    chip.restart()
    tpm.extend(chip.transmit, 11, b"second")
    chip.extend(7)
    with pytest.raises(TpmError, match="registers of the chip are not what they were"):
        tpm.unseal(chip.transmit, sealed, good)


def test_a_signature_of_somebody_else_opens_nothing(chip: Chip, signing_key: rsa.RSAPrivateKey) -> None:
    sealed = tpm.seal(chip.transmit, SECRET, (), public(signing_key))
    other = rsa.generate_private_key(65537, 2048)
    with pytest.raises(TpmError, match="not one of the key that it was sealed to"):
        tpm.unseal(chip.transmit, sealed, approved(other, extended()))
    with pytest.raises(TpmError):  # nor does another signer in the token
        tpm.unseal(chip.transmit, msgspec.structs.replace(sealed, signer=public(other)), approved(other, extended()))
    with pytest.raises(TpmError, match="and this one carries none"):
        tpm.unseal(chip.transmit, sealed)
    with pytest.raises(TpmError):  # nor leaving the signature out
        tpm.unseal(chip.transmit, msgspec.structs.replace(sealed, signer=b""))
    assert tpm.unseal(chip.transmit, sealed, approved(signing_key, extended())) == SECRET


@pytest.mark.parametrize(("major", "said"), [("", "no TPM 2.0"), ("2\n", "no TPM 2.0"), ("1\n", "a TPM 1.2, which")])
def test_a_machine_without_a_chip_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, major: str, said: str
) -> None:
    if major:
        (tmp_path / "major").write_text(major)
    monkeypatch.setattr(tpm, "MAJOR", tmp_path / "major")
    with pytest.raises(TpmError, match=f"this machine has {said}"), tpm.opened(tmp_path / "tpmrm0"):
        pass
