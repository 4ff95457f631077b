"""Resource types of the domain cri."""

from __future__ import annotations

from talos.resources.cri.base_runtime_spec_config import BaseRuntimeSpecConfigSpec
from talos.resources.cri.customization_config import CustomizationConfigSpec
from talos.resources.cri.image_cache_config import ImageCacheConfigSpec
from talos.resources.cri.registry_config import (
    RegistriesConfigSpec,
    RegistryAuthConfig,
    RegistryEndpointConfig,
    RegistryMirrorConfig,
    RegistryTLSConfig,
)
from talos.resources.cri.seccomp_profile import SeccompProfileSpec

__all__ = [
    "BaseRuntimeSpecConfigSpec",
    "CustomizationConfigSpec",
    "ImageCacheConfigSpec",
    "RegistriesConfigSpec",
    "RegistryAuthConfig",
    "RegistryEndpointConfig",
    "RegistryMirrorConfig",
    "RegistryTLSConfig",
    "SeccompProfileSpec",
]
