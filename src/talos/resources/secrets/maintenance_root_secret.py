"""MaintenanceRootSecret: resource type MaintenanceRootSecrets.secrets.talos.dev."""

from __future__ import annotations

import msgspec

from talos.resources.pem import CertificateAndKey
from talos.state.spec import Spec, resource


@resource(
    type="MaintenanceRootSecrets.secrets.talos.dev",
    namespace="secrets",
    display="MaintenanceRootSecret",
    aliases=("maintenancerootsecret", "mrs"),
    all_aliases=("maintenancerootsecrets", "maintenancerootsecrets.secrets", "maintenancerootsecrets.secrets.talos"),
    proto="talos.resource.definitions.secrets.MaintenanceRootSpec",
    sensitive=True,
)
class MaintenanceRootSpec(Spec):
    """Spec of MaintenanceRootSecrets.secrets.talos.dev."""

    ca: CertificateAndKey = msgspec.field(default_factory=CertificateAndKey)
