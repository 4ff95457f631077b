"""The flags of `talosctl cluster create`, each with what it does here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from talos import versions
from talos.talosctl.cluster.group import shared
from talos.talosctl.cluster.values import Cpus, Memory
from talos.talosctl.options import DURATION, ListOption

PORT = click.IntRange(1, 65535)
MEMORY, CPUS = Memory(), Cpus()


def options(function: Callable[..., Any]) -> Callable[..., Any]:
    """All flags; names of `create` and of `create docker` where they differ."""
    flags = [
        click.option("--controlplanes", type=int, default=1, show_default=True, help="control plane nodes"),
        click.option("--workers", type=int, default=1, show_default=True, help="worker nodes"),
        click.option("--subnet", "--cidr", "subnet", help="of the nodes [default: 10.5.0.0/24 or the next free]"),
        click.option("--ipv4/--no-ipv4", default=True, show_default=True, help="nodes, pods and Services have IPv4"),
        click.option("--ipv6", is_flag=True,
                     help="they have IPv6: beside IPv4 (dual stack), or alone with --ipv4=false"),
        click.option("--mtu", type=click.IntRange(1280, 65535), default=1500, show_default=True, help="of the network"),
        click.option("--memory-controlplanes", "--memory", "memory", type=MEMORY, default="2.0GiB", show_default=True,
                     help="limit of each control plane node, 0 for none"),
        click.option("--memory-workers", type=MEMORY, default="2.0GiB", show_default=True,
                     help="limit of each worker node, 0 for none"),
        click.option("--cpus-controlplanes", "--cpus", "cpus", type=CPUS, default="2.0", show_default=True,
                     help="limit of each control plane node, 0 for none"),
        click.option("--cpus-workers", type=CPUS, default="2.0", show_default=True, help="limit of each worker node"),
        click.option("--config-patch", multiple=True, help="patch for all nodes: text or @FILE"),
        click.option("--config-patch-controlplanes", "--config-patch-control-plane", "config_patch_control_plane",
                     multiple=True, help="patch for control plane nodes"),
        click.option("--config-patch-workers", "--config-patch-worker", "config_patch_worker", multiple=True,
                     help="patch for worker nodes"),
        click.option("--registry-mirror", cls=ListOption, help="REGISTRY=URL, for images that the nodes do not carry"),
        click.option("--kubernetes-version", default=versions.DEFAULT_KUBERNETES_VERSION, show_default=True),
        click.option("--talos-version", default="", help="layout of the configuration, for example v1.13"),
        click.option("--dns-domain", default="cluster.local", show_default=True),
        click.option("--endpoint", help="address of the Kubernetes API that the nodes use [default: the first node]"),
        click.option("--nameservers", cls=ListOption, metavar="ADDRESS,...", help="resolvers [default: the gateway]"),
        click.option("--control-plane-port", type=PORT, default=6443, show_default=True, help="of the Kubernetes API"),
        click.option("--kubeprism-port", type=PORT, default=7445, show_default=True,
                     help="of each node's own way to the Kubernetes API"),
        click.option("--custom-cni-url", default="", metavar="URL,...", help="manifests of another CNI than flannel"),
        click.option("--image-cache-path", default="", metavar="FOLDER",
                     help="images that this host serves to the nodes (`talosctl image cache-create --layout flat`)"),
        click.option("--image-cache-port", type=PORT, default=5000, show_default=True, help="where it serves them"),
        click.option("--image-cache-tls-cert-file", default="", metavar="FILE", help="serve them over HTTPS"),
        click.option("--image-cache-tls-key-file", default="", metavar="FILE", help="key of that certificate"),
        click.option("--registry-insecure-skip-verify", cls=ListOption, metavar="REGISTRY,...",
                     help="registries whose certificates are not checked"),
        click.option("--with-firewall", default="", metavar="accept|block",
                     help="what to do with packets that the cluster does not need; its own network stays open"),
        click.option("--use-vip", is_flag=True, help="the Kubernetes API at an address that control plane nodes share"),
        click.option("--with-json-logs", is_flag=True,
                     help="receive the nodes' logs in json-logs.log of the cluster's folder"),
        click.option("--with-debug", is_flag=True,
                     help="the nodes' services log to their consoles too (debug: true in the configuration)"),
        click.option("--airgapped", is_flag=True, help="nothing that the nodes send leaves their network"),
        click.option("--no-masquerade-cidrs", cls=ListOption, metavar="NETWORK,...",
                     help="networks that see the nodes' own addresses"),
        click.option("--with-network-chaos", is_flag=True, help="a bad network, as bad as the following say"),
        click.option("--with-network-latency", type=DURATION, default="0s", show_default=True),
        click.option("--with-network-jitter", type=DURATION, default="0s", show_default=True),
        click.option("--with-network-packet-loss", type=float, default=0.0, help="share of packets, 0.05 for 5 %"),
        click.option("--with-network-packet-corrupt", type=float, default=0.0, help="share of packets"),
        click.option("--with-network-packet-reorder", type=float, default=0.0, help="share of packets"),
        click.option("--with-network-bandwidth", type=int, default=0, metavar="KBIT/S", help="0 for no limit"),
        click.option("--with-apply-config", is_flag=True,
                     help="start in maintenance mode and apply the configuration by the API"),
        click.option("--skip-k8s-node-readiness-check", is_flag=True, help="wait until nodes are registered"),
        click.option("--image", default=None, help="root image, or folder of boot artefacts [default: as built]"),
        click.option("--exposed-ports", "-p", cls=ListOption, help="HOSTPORT:NODEPORT/PROTOCOL of the first node"),
        click.option("--host-ip", default="0.0.0.0", show_default=True, help="where exposed ports listen"),
        click.option("--skip-injecting-config", is_flag=True, help="leave the nodes in maintenance mode"),
        click.option("--with-uuid-hostnames", is_flag=True, hidden=True, help="nodes are named machine-UUID"),
        click.option("--skip-kubeconfig", is_flag=True, help="do not merge into ~/.kube/config"),
        click.option("--talosconfig-destination", "--talosconfig", "talosconfig_destination",
                     type=click.Path(path_type=Path, dir_okay=False),
                     help="write the talosconfig there [default: merge into ~/.talos/config]"),
        click.option("--kubeconfig-destination", type=click.Path(path_type=Path, dir_okay=False),
                     help="write the kubeconfig there [default: merge into ~/.kube/config]"),
        click.option("--wait/--no-wait", default=True, help="wait until all nodes are Ready"),
        click.option("--wait-timeout", type=DURATION, default="20m0s", show_default=True),
        click.option("--keep-on-failure", is_flag=True, help="leave a cluster that failed to look at it"),
    ]  # fmt: skip
    for option in reversed(flags):
        function = option(function)
    return shared(function)


def config_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """What the configuration says beyond the usual, for `create` and `create dev`."""
    flags = [
        click.option("--skip-etcd-k8s", is_flag=True,
                     help="nodes without Kubernetes and etcd; wait until they are booted and ready"),
        click.option("--with-init-node", is_flag=True,
                     help="the first node is of the old type init, which founds etcd unasked"),
        click.option("--install-image", default="", metavar="IMAGE",
                     help="installer image in the configuration; nothing fetches it here: containers have no disk, and "
                          "machines install from the medium in their drive (--image, --iso-path)"),
    ]  # fmt: skip
    for option in reversed(flags):
        function = option(function)
    return function
