"""EncryptionSalt: resource type EncryptionSalts.secrets.talos.dev."""

from __future__ import annotations

from talos.state.spec import Spec, resource


@resource(
    type="EncryptionSalts.secrets.talos.dev",
    namespace="secrets",
    display="EncryptionSalt",
    aliases=("encryptionsalt", "es"),
    all_aliases=("encryptionsalts", "encryptionsalts.secrets", "encryptionsalts.secrets.talos"),
    proto="talos.resource.definitions.secrets.EncryptionSaltSpec",
    sensitive=True,
)
class EncryptionSaltSpec(Spec):
    """Spec of EncryptionSalts.secrets.talos.dev."""

    disk_salt: bytes = b""
