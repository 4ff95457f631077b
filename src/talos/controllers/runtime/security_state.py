"""What of a machine's start was verified, and by whom; a container's is its host's and is not shown."""

from __future__ import annotations

from pathlib import Path

from talos.resources.runtime import SecurityStateSpec
from talos.state.controller import EXCLUSIVE, Controller, Output
from talos.state.runtime import Runtime

SECURE_BOOT = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
STUB = "/sys/firmware/efi/efivars/StubInfo-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"
ENFORCED = "/sys/module/module/parameters/sig_enforce"
SIGNER = "/run/init/tpm2-pcr-public-key.pem"


def fingerprint(pem: bytes) -> str:
    """SHA-256 of a public key (DER), in hexadecimal, as systemd's signatures name it; "" for what is no key."""
    import hashlib

    from cryptography.hazmat.primitives import serialization

    try:
        key = serialization.load_pem_public_key(pem)
    except ValueError:
        return ""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return hashlib.sha256(key.public_bytes(serialization.Encoding.DER, form)).hexdigest()


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


class SecurityStateController(Controller):
    name = "runtime.SecurityStateController"
    outputs = (Output(SecurityStateSpec, EXCLUSIVE),)

    async def reconcile(self, rt: Runtime) -> None:
        if rt.env.in_container:
            return
        signer = _read(rt.env.path(SIGNER))
        spec = SecurityStateSpec(
            secure_boot=_read(rt.env.path(SECURE_BOOT))[-1:] == b"\1",  # four bytes of attributes come first
            pcr_signing_key_fingerprint=fingerprint(signer) if signer else "",
            booted_with_uki=rt.env.path(STUB).exists(),
            module_signature_enforced=_read(rt.env.path(ENFORCED)).strip() == b"Y",
        )
        await rt.modify(SecurityStateSpec, "securitystate", lambda _old: spec)
