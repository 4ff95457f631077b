"""talosctl upgrade-k8s: another version of Kubernetes, one component and one node after the other.

What is changed is the image of each component in each node's machine configuration, without a reboot; each step waits
until Kubernetes itself says that the new version runs.
"""

from __future__ import annotations

from typing import Any

import click

from talos import versions
from talos.config import images
from talos.talosctl.options import DURATION, Command, client_options
from talos.talosctl.session import Session

_POLICIES = ["MustMatch", "AdoptIfNoInventory", "AdoptAll"]


@click.command("upgrade-k8s", cls=Command)
@client_options
@click.option("--to", default=versions.DEFAULT_KUBERNETES_VERSION, metavar="VERSION", help="version to upgrade to")
@click.option("--from", "from_", default="", metavar="VERSION", help="version that runs (default: the oldest found)")
@click.option("--dry-run", is_flag=True, help="show what would be done, and do nothing")
@click.option("--endpoint", default="", metavar="URL", help="use this Kubernetes endpoint, not that of the kubeconfig")
@click.option("--pre-pull-images/--no-pre-pull-images", default=True, help="pull the images first (default)")
@click.option("--upgrade-kubelet/--no-upgrade-kubelet", default=True, help="upgrade the kubelets as well (default)")
@click.option("--apiserver-image", default=images.KUBE_APISERVER, metavar="IMAGE")
@click.option("--controller-manager-image", default=images.KUBE_CONTROLLER_MANAGER, metavar="IMAGE")
@click.option("--scheduler-image", default=images.KUBE_SCHEDULER, metavar="IMAGE")
@click.option("--proxy-image", default=images.KUBE_PROXY, metavar="IMAGE")
@click.option("--kubelet-image", default=images.KUBELET, metavar="IMAGE")
@click.option("--manifests-force", is_flag=True, help="take over fields of the manifests that others have changed")
@click.option("--manifests-inventory-policy", type=click.Choice(_POLICIES), default="AdoptIfNoInventory", hidden=True)
@click.option("--manifests-no-prune", is_flag=True, hidden=True)
@click.option("--manifests-reconcile-timeout", type=DURATION, default="5m0s", help="give up waiting for a step after")
@click.option("--with-docs/--no-with-docs", default=True, hidden=True)
@click.option("--with-examples/--no-with-examples", default=True, hidden=True)
def upgrade_k8s(session: Session, to: str, from_: str, **flags: Any) -> None:
    """Upgrade Kubernetes on every node of the cluster.

    Manifests that a new version leaves out are removed by the control plane nodes themselves.
    """
    from talos.talosctl.kubernetes_upgrade import Upgrade, check_path, parse_version

    for text, flag in ((to, "--to"), (from_, "--from")):
        if text and parse_version(text) is None:
            raise click.UsageError(f"{flag} {text} is not a version: write it like 1.37.2")
    if from_:
        check_path(from_, to)
    session.run(lambda: Upgrade(session, from_.removeprefix("v"), to.removeprefix("v"), flags).run())
