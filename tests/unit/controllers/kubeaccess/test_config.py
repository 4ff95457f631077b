"""From the configuration to the resource, and to the names in apid's certificate."""

from __future__ import annotations

from typing import Any

from talos.config.patch import apply_patches
from talos.controllers.kubeaccess.service import HOST, NAME
from talos.controllers.secrets.root_os import SERVICE_NAMES
from talos.resources.kubeaccess import ConfigSpec
from talos.resources.secrets import CertSANSpec

DOCUMENT = """\
apiVersion: v1alpha1
kind: KubeTalosAPIAccessConfig
allowedRoles: [os:reader]
allowedKubernetesNamespaces: [backup]
"""


async def test_the_document_allows_and_names_the_service(node: Any, make_config: Any) -> None:
    config = make_config()
    await node.configure(config)
    node.run("kubeaccess.ConfigController", "secrets.RootOSController", "secrets.APICertSANsController")
    assert not (await node.get(ConfigSpec, "config")).enabled
    assert not set(SERVICE_NAMES) & set((await node.get(CertSANSpec, "api")).dns_names)
    await node.configure(apply_patches(config, [DOCUMENT]))
    spec = await node.get(ConfigSpec, "config", lambda spec: spec.enabled)
    assert (spec.allowed_api_roles, spec.allowed_kubernetes_namespaces) == (["os:reader"], ["backup"])
    await node.get(CertSANSpec, "api", lambda spec: set(SERVICE_NAMES) <= set(spec.dns_names))


def test_the_certificate_has_the_names_of_the_service() -> None:
    assert SERVICE_NAMES == (NAME, HOST)
