"""RegistryConfig: resource type RegistryConfigs.cri.talos.dev."""

from __future__ import annotations

from talos.resources.pem import CertificateAndKey
from talos.state.spec import Part, Spec, part, resource


@part(proto_names={"endpoint": "endpoint_endpoint", "override_path": "endpoint_override_path"})
class RegistryEndpointConfig(Part):
    """Message RegistryEndpointConfig of the wire contract."""

    endpoint: str = ""
    override_path: bool = False


@part(
    omit_empty=("skip_fallback",),
    proto_names={"endpoints": "mirror_endpoints", "skip_fallback": "mirror_skip_fallback"},
)
class RegistryMirrorConfig(Part):
    """Message RegistryMirrorConfig of the wire contract."""

    endpoints: list[RegistryEndpointConfig] = []
    skip_fallback: bool = False


@part(
    omit_empty=("username", "password", "auth", "identity_token"),
    proto_names={
        "username": "registry_username",
        "password": "registry_password",
        "auth": "registry_auth",
        "identity_token": "registry_identity_token",
    },
)
class RegistryAuthConfig(Part):
    """Message RegistryAuthConfig of the wire contract."""

    username: str = ""
    password: str = ""
    auth: str = ""
    identity_token: str = ""


@part(
    omit_empty=("client_identity", "ca", "insecure_skip_verify"),
    forms={"ca": "base64"},
    proto_names={
        "client_identity": "tls_client_identity",
        "ca": "tlsca",
        "insecure_skip_verify": "tls_insecure_skip_verify",
    },
)
class RegistryTLSConfig(Part):
    """Message RegistryTLSConfig of the wire contract."""

    client_identity: CertificateAndKey | None = None
    ca: str = ""
    insecure_skip_verify: bool = False


@resource(
    type="RegistryConfigs.cri.talos.dev",
    namespace="cri",
    display="RegistryConfig",
    aliases=("registryconfig", "rc", "rcs"),
    all_aliases=("registryconfigs", "registryconfigs.cri", "registryconfigs.cri.talos"),
    proto="talos.resource.definitions.cri.RegistriesConfigSpec",
    sensitive=True,
    omit_empty=("mirrors", "auths", "tls"),
    proto_names={"mirrors": "registry_mirrors", "auths": "registry_auths", "tls": "registry_tl_ss"},
)
class RegistriesConfigSpec(Spec):
    """Spec of RegistryConfigs.cri.talos.dev."""

    mirrors: dict[str, RegistryMirrorConfig] = {}
    auths: dict[str, RegistryAuthConfig] = {}
    tls: dict[str, RegistryTLSConfig] = {}
