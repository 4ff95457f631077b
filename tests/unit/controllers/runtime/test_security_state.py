"""What a machine tells of its start."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from talos.controllers.runtime import security_state
from talos.controllers.runtime.security_state import SecurityStateController
from talos.environment import NodeEnvironment
from talos.resources.runtime import SecurityStateSpec
from talos.state.controller_runtime import ControllerRuntime
from talos.state.inmemory import InMemoryState


async def found(root: Path, platform: str = "metal") -> SecurityStateSpec | None:
    state = InMemoryState()
    async with (
        asyncio.timeout(10),
        ControllerRuntime(state, [SecurityStateController], NodeEnvironment(platform, root=root)),
    ):
        if platform == "container":
            await asyncio.sleep(0.1)
            listed = await state.list(SecurityStateSpec)
            return listed[0].spec if listed else None
        return (await state.wait_for(SecurityStateSpec, "securitystate", None)).spec


async def test_nothing_was_verified(tmp_path: Path) -> None:
    assert await found(tmp_path) == SecurityStateSpec()
    assert await found(tmp_path, "container") is None


async def test_a_signed_image_under_secure_boot(tmp_path: Path) -> None:
    key = rsa.generate_private_key(65537, 2048).public_key()
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    for name, data in (
        (security_state.SECURE_BOOT, b"\6\0\0\0\1"),
        (security_state.STUB, b"\6\0\0\0s\0"),
        (security_state.ENFORCED, b"Y\n"),
        (security_state.SIGNER, key.public_bytes(serialization.Encoding.PEM, form)),
    ):
        path = tmp_path / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    spec = await found(tmp_path)
    assert spec is not None
    assert (spec.secure_boot, spec.booted_with_uki, spec.module_signature_enforced) == (True, True, True)
    der = key.public_bytes(serialization.Encoding.DER, form)
    assert spec.pcr_signing_key_fingerprint == hashlib.sha256(der).hexdigest()
    (tmp_path / security_state.SIGNER.lstrip("/")).write_text("no key")
    spec = await found(tmp_path)
    assert spec is not None and spec.pcr_signing_key_fingerprint == ""
