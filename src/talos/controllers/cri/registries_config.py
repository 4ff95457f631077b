"""Registry mirrors, credentials and TLS of the machine configuration, as a resource; empty without a configuration."""

from __future__ import annotations

from talos.config import Config
from talos.controllers.machine_config import ACTIVE_CONFIG, active
from talos.resources.cri import RegistriesConfigSpec
from talos.resources.cri.registry_config import (
    RegistryAuthConfig,
    RegistryEndpointConfig,
    RegistryMirrorConfig,
    RegistryTLSConfig,
)
from talos.resources.pem import CertificateAndKey
from talos.state.controller import Controller, Output
from talos.state.runtime import Runtime


def spec_of(config: Config | None) -> RegistriesConfigSpec:
    """The resource for a configuration."""
    if config is None:
        return RegistriesConfigSpec()
    view = config.registries
    return RegistriesConfigSpec(
        mirrors={
            host: RegistryMirrorConfig(
                endpoints=[
                    RegistryEndpointConfig(endpoint=url, override_path=override) for url, override in m.endpoints
                ],
                skip_fallback=m.skip_fallback,
            )
            for host, m in view.mirrors.items()
        },
        auths={
            host: RegistryAuthConfig(
                username=a.username, password=a.password, auth=a.auth, identity_token=a.identity_token
            )
            for host, a in view.auth.items()
        },
        tls={
            host: RegistryTLSConfig(
                client_identity=None
                if t.client_identity is None
                else CertificateAndKey(crt=t.client_identity.crt.decode(), key=t.client_identity.key.decode()),
                ca=t.ca.decode(),
                insecure_skip_verify=t.insecure_skip_verify,
            )
            for host, t in view.tls.items()
        },
    )


class RegistriesConfigController(Controller):
    """Machine configuration → RegistryConfigs."""

    name = "cri.RegistriesConfigController"
    inputs = (ACTIVE_CONFIG,)
    outputs = (Output(RegistriesConfigSpec),)

    async def reconcile(self, rt: Runtime) -> None:
        spec = spec_of(await active(rt))
        await rt.modify(RegistriesConfigSpec, "registries", lambda _old: spec)
