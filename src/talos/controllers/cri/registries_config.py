"""Registry mirrors, credentials and TLS of the machine configuration, as a resource; empty without a configuration.

The node's own cache of images is asked before every other mirror, and for images of registries that have none.
"""

from __future__ import annotations

from talos.config import Config
from talos.controllers.machine_config import ACTIVE_CONFIG, active
from talos.resources.cri import ImageCacheConfigSpec, RegistriesConfigSpec
from talos.resources.cri.registry_config import (
    RegistryAuthConfig,
    RegistryEndpointConfig,
    RegistryMirrorConfig,
    RegistryTLSConfig,
)
from talos.resources.enums import ImageCacheStatus
from talos.resources.pem import CertificateAndKey
from talos.state.controller import Controller, Input, Output
from talos.state.runtime import Runtime

CACHE = "http://127.0.0.1:3172"
"""where registryd listens"""
EVERY = "*"


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


def with_cache(spec: RegistriesConfigSpec) -> RegistriesConfigSpec:
    """The same with the node's cache before all others; what is said of one registry hides what is said of every one,
    so each has it."""
    cache = RegistryEndpointConfig(endpoint=CACHE)
    for host in (EVERY, *spec.tls, *spec.mirrors):
        mirror = spec.mirrors.setdefault(host, RegistryMirrorConfig())
        if cache not in mirror.endpoints:
            mirror.endpoints = [cache, *mirror.endpoints]
    return spec


class RegistriesConfigController(Controller):
    """Machine configuration, ImageCacheConfig → RegistryConfigs."""

    name = "cri.RegistriesConfigController"
    inputs = (ACTIVE_CONFIG, Input(ImageCacheConfigSpec, id="image-cache"))
    outputs = (Output(RegistriesConfigSpec),)

    async def reconcile(self, rt: Runtime) -> None:
        spec = spec_of(await active(rt))
        cache = await rt.get_or_none(ImageCacheConfigSpec, "image-cache")
        if cache is not None and cache.spec.status is ImageCacheStatus.READY:
            spec = with_cache(spec)
        await rt.modify(RegistriesConfigSpec, "registries", lambda _old: spec)
