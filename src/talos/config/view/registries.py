"""Container registries: mirrors, credentials, TLS."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from talos.config.cri.registry_auth_config import RegistryAuthConfig
from talos.config.cri.registry_mirror_config import RegistryMirrorConfig
from talos.config.cri.registry_tls_config import RegistryTLSConfig
from talos.config.v1alpha1.config import V1Alpha1
from talos.config.v1alpha1.registries import RegistriesConfig
from talos.config.view.model import CertificateAndKey, Mirror, RegistryAuth, RegistryTLS

if TYPE_CHECKING:
    from talos.config.config import Config


class RegistriesView:
    """``cfg.registries``: every mapping goes from registry host (``*`` = any) to its settings."""

    def __init__(self, config: Config) -> None:
        self._config = config

    @cached_property
    def _legacy(self) -> RegistriesConfig:
        document = self._config.get(V1Alpha1)
        return document.machine.registries if document and document.machine else RegistriesConfig()

    @cached_property
    def mirrors(self) -> dict[str, Mirror]:
        """Mirrors by registry host."""
        found = {
            host: Mirror(tuple((e, bool(m.override_path)) for e in m.endpoints), bool(m.skip_fallback))
            for host, m in self._legacy.mirrors.items()
        }
        for d in self._config.get_all(RegistryMirrorConfig):
            found[d.name] = Mirror(tuple((e.url, bool(e.override_path)) for e in d.endpoints), bool(d.skip_fallback))
        return found

    @cached_property
    def auth(self) -> dict[str, RegistryAuth]:
        """Credentials by registry host."""
        found = {
            host: RegistryAuth(c.auth.username, c.auth.password, c.auth.auth, c.auth.identity_token)
            for host, c in self._legacy.config.items()
            if c.auth
        }
        for d in self._config.get_all(RegistryAuthConfig):
            found[d.name] = RegistryAuth(d.username, d.password, d.auth, d.identity_token)
        return found

    @cached_property
    def tls(self) -> dict[str, RegistryTLS]:
        """TLS settings by registry host."""
        found: dict[str, RegistryTLS] = {}
        for host, c in self._legacy.config.items():
            if c.tls:
                identity = c.tls.client_identity
                pair = CertificateAndKey(identity.crt, identity.key) if identity else None
                found[host] = RegistryTLS(pair, c.tls.ca, bool(c.tls.insecure_skip_verify))
        for d in self._config.get_all(RegistryTLSConfig):
            client = d.client_identity
            pair = CertificateAndKey(client.cert.encode(), client.key.encode()) if client else None
            found[d.name] = RegistryTLS(pair, d.ca.encode(), bool(d.insecure_skip_verify))
        return found
