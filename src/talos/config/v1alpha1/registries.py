"""``machine.registries`` of the v1alpha1 document."""

from __future__ import annotations

from msgspec import field

from talos.config.document import Part
from talos.config.forms import Kept, Secret
from talos.config.v1alpha1.pem import PEMCertificateAndKey


class RegistryMirrorConfig(Part, kw_only=True):
    """``machine.registries.mirrors``."""

    endpoints: Kept[list[str]] = field(default_factory=list)
    override_path: bool | None = None
    skip_fallback: bool | None = None


class RegistryTLSConfig(Part, kw_only=True):
    """``machine.registries.config.tls``."""

    client_identity: PEMCertificateAndKey | None = None
    ca: bytes = b""
    insecure_skip_verify: bool | None = None


class RegistryAuthConfig(Part, kw_only=True):
    """``machine.registries.config.auth``."""

    username: str = ""
    password: Secret[str] = ""
    auth: Secret[str] = ""
    identity_token: Secret[str] = ""


class RegistryConfig(Part, kw_only=True):
    """``machine.registries.config``."""

    tls: RegistryTLSConfig | None = None
    auth: RegistryAuthConfig | None = None


class RegistriesConfig(Part, kw_only=True):
    """``machine.registries``."""

    mirrors: dict[str, RegistryMirrorConfig] = field(default_factory=dict)
    config: dict[str, RegistryConfig] = field(default_factory=dict)
