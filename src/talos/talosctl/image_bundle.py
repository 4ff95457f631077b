"""talosctl image k8s-bundle and talos-bundle: lists of the images that a site without Internet needs."""

from __future__ import annotations

import click

from talos import versions
from talos.config import images
from talos.talosctl.elsewhere import refuse
from talos.talosctl.options import Command, client_options
from talos.talosctl.session import Session

NAMESPACE = click.option("--namespace", default="cri", hidden=True, expose_value=False)
"""a flag of the group that none of these has a use for"""


@click.command("k8s-bundle", cls=Command)
@client_options
@NAMESPACE
@click.option("--k8s-version", default=f"v{versions.DEFAULT_KUBERNETES_VERSION}", show_default=True)
@click.option("--etcd-version", default=versions.ETCD_VERSION, show_default=True)
@click.option("--coredns-version", default=versions.COREDNS_VERSION, show_default=True)
@click.option("--flannel-version", default=versions.FLANNEL_VERSION, show_default=True)
@click.option("--kube-network-policies-version", default="", metavar="VERSION", help="adds its image to the list")
@click.argument("ignored", nargs=-1, expose_value=False)
def k8s_bundle(
    session: Session,
    k8s_version: str,
    etcd_version: str,
    coredns_version: str,
    flannel_version: str,
    kube_network_policies_version: str,
) -> None:
    """List the images that Kubernetes needs: what a mirror without Internet must hold."""
    del session
    print(f"ghcr.io/siderolabs/flannel:{flannel_version}")
    print(f"registry.k8s.io/coredns/coredns:v{coredns_version.removeprefix('v')}")
    print(f"registry.k8s.io/etcd:{etcd_version}")
    print(f"registry.k8s.io/pause:{versions.PAUSE_VERSION}")
    for name in (
        images.KUBE_APISERVER,
        images.KUBE_CONTROLLER_MANAGER,
        images.KUBE_SCHEDULER,
        images.KUBE_PROXY,
        images.KUBELET,
    ):
        print(images.kubernetes(name, k8s_version))
    if kube_network_policies_version:
        print(f"registry.k8s.io/networking/kube-network-policies:{kube_network_policies_version}")


@click.command("talos-bundle", cls=Command)
@client_options
@NAMESPACE
@click.option("--extensions/--no-extensions", default=True, hidden=True)
@click.option("--overlays/--no-overlays", default=True, hidden=True)
@click.argument("version", metavar="[VERSION]", default=versions.TALOS_VERSION)
def talos_bundle(session: Session, version: str, extensions: bool, overlays: bool) -> None:
    """List the images that installing and upgrading needs. There are no extensions and overlays of this system."""
    del session, extensions, overlays
    print(f"{images.INSTALLER.rpartition(':')[0]}:v{version.removeprefix('v')}")


integration = refuse(
    "integration",
    "this list is for the development of Talos: talosctl image talos-bundle lists what installing needs",
    """
    --installer-tag string
    --registry-and-user string
    --talos-tag string
    --namespace string cri
    """,
    client=True,
)
for _param in integration.params:
    if _param.name in ("installer_tag", "registry_and_user"):
        _param.required = True
