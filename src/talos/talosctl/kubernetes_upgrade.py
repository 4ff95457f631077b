"""The steps of an upgrade of Kubernetes: find the nodes, pull, change images, wait, bring manifests up to date."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from talos.talosctl.kubernetes_api import kubernetes
from talos.talosctl.patch import current

if TYPE_CHECKING:
    from talos.kubernetes.client import Client
    from talos.talosctl.session import Session

_VERSION = re.compile(r"v?(\d+)\.(\d+)\.(\d+)(?:-([0-9A-Za-z.-]+))?$")
_CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
_POLL_S = 1.0
_MANIFESTS = "Manifests.kubernetes.talos.dev"
FIELD_MANAGER = "talos"


class Component(NamedTuple):
    """A program of Kubernetes, and where a configuration names its image."""

    name: str
    flag: str
    document: str
    legacy: tuple[str, str]


STATIC = (
    Component("kube-apiserver", "apiserver_image", "KubeAPIServerConfig", ("cluster", "apiServer")),
    Component(
        "kube-controller-manager",
        "controller_manager_image",
        "KubeControllerManagerConfig",
        ("cluster", "controllerManager"),
    ),
    Component("kube-scheduler", "scheduler_image", "KubeSchedulerConfig", ("cluster", "scheduler")),
)
PROXY = Component("kube-proxy", "proxy_image", "KubeProxyConfig", ("cluster", "proxy"))
KUBELET = Component("kubelet", "kubelet_image", "KubeletConfig", ("machine", "kubelet"))


class Node(NamedTuple):
    """A node of Kubernetes: its name there, the address that Talos is reached at."""

    name: str
    address: str
    kubelet: str
    control_plane: bool


def parse_version(text: str) -> tuple[int, int, int] | None:
    """Major, minor, patch."""
    match = _VERSION.match(text)
    return (int(match[1]), int(match[2]), int(match[3])) if match else None


def check_path(old: str, new: str) -> None:
    """At most one minor version up, never one down. ClickException."""
    before, after = parse_version(old), parse_version(new)
    assert before is not None and after is not None
    if before[0] != after[0] or after[1] - before[1] not in (0, 1):
        raise click.ClickException(
            f"unsupported upgrade path {before[0]}.{before[1]}->{after[0]}.{after[1]} (from {old} to {new}): "
            "Kubernetes upgrades by one minor version at a time"
        )


def patch_for(component: Component, image: str, text: str) -> str:
    """The change that sets an image, in the layout that the node's configuration has."""
    import yaml

    documents = [d for d in yaml.safe_load_all(text) if isinstance(d, dict)]
    section, key = component.legacy
    legacy = next((d for d in documents if "kind" not in d), {})
    kinds = {d.get("kind") for d in documents}
    if component.document in kinds or (kinds - {None} and key not in (legacy.get(section) or {})):
        return yaml.safe_dump({"apiVersion": "v1alpha1", "kind": component.document, "image": image})
    return yaml.safe_dump({section: {key: {"image": image}}})


class Upgrade:
    """One run."""

    def __init__(self, session: Session, old: str, new: str, flags: dict[str, Any]) -> None:
        self._session = session
        self._old = old
        self._new = new
        self._flags = flags
        self._dry_run: bool = flags["dry_run"]
        self._wait_s: float = flags["manifests_reconcile_timeout"]

    async def run(self) -> None:
        async with kubernetes(self._session, self._flags["endpoint"]) as cluster:
            nodes = await _nodes(cluster)
            if not self._old:
                self._old = min((n.kubelet for n in nodes), key=lambda v: parse_version(v) or (0, 0, 0))
                print(f"the oldest Kubernetes version found is {self._old}")
            check_path(self._old, self._new)
            masters = [n for n in nodes if n.control_plane]
            print(f"control plane nodes: {', '.join(n.address for n in masters)}")
            print(f"workers: {', '.join(n.address for n in nodes if not n.control_plane) or 'none'}")
            if self._flags["pre_pull_images"]:
                await self._pull(nodes)
            for component in STATIC:
                await self._component(component, masters, self._pod_runs(cluster, component))
            await self._component(PROXY, masters[:], None)
            if self._flags["upgrade_kubelet"]:
                await self._component(KUBELET, nodes, self._kubelet_runs(cluster))
            await self._manifests(cluster, masters[0])

    def _image(self, component: Component) -> str:
        from talos.config import images

        return images.kubernetes(self._flags[component.flag], self._new)

    async def _pull(self, nodes: list[Node]) -> None:
        from talos.api import machine_pb2
        from talos.client import ApiError
        from talos.talosctl.image import instance, listed

        for node in nodes:
            wanted = [self._image(c) for c in (*(STATIC if node.control_plane else ()), KUBELET)]
            there = await listed(self._session, node.address, "cri")
            for image in wanted:
                if image in there:
                    continue
                print(f" > {node.address}: pulling {image}", flush=True)
                if self._dry_run:
                    continue
                request = machine_pb2.ImageServicePullRequest(containerd=instance("cri"), image_ref=image)
                try:
                    async for _ in self._session.stream(node.address, "/machine.ImageService/Pull", request):
                        pass
                except ApiError as error:
                    raise click.ClickException(
                        f"cannot pull {image} on node {node.address}, nothing was changed: {error}"
                    ) from error

    async def _component(
        self, component: Component, nodes: list[Node], runs: Callable[[Node], Awaitable[str]] | None
    ) -> None:
        from talos.client import ApiError
        from talos.config.errors import ConfigError
        from talos.config.patch import apply_patches_to_text
        from talos.talosctl.apply import HowToApply, send

        how = HowToApply("no-reboot", dry_run=self._dry_run)

        print(f"upgrading {component.name} to {self._new}", flush=True)
        for node in nodes:
            try:
                text = await current(self._session, node.address)
                changed = apply_patches_to_text(text, [patch_for(component, self._image(component), text)])
                print(f" > {node.address}: {'would be changed' if self._dry_run else 'changing its configuration'}")
                await send(self._session, node.address, changed.encode(), how)
            except (ApiError, ConfigError) as error:
                raise click.ClickException(
                    f"error upgrading {component.name} on node {node.address}: {error}; nodes before it have the new "
                    "version, run the command again to go on"
                ) from error
            if runs is not None and not self._dry_run:
                await self._until(component, node, runs)

    async def _until(self, component: Component, node: Node, runs: Callable[[Node], Awaitable[str]]) -> None:
        from talos.kubernetes.errors import ApiError, ConnectError

        problem = "nothing is known of it"
        try:
            async with asyncio.timeout(self._wait_s):
                while True:
                    try:
                        problem = await runs(node)
                    except (ApiError, ConnectError) as error:
                        problem = str(error)  # the API server itself is being replaced
                    if not problem:
                        print(f" < {node.address}: {component.name} {self._new} runs", flush=True)
                        return
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise click.ClickException(
                f"{component.name} {self._new} does not run on node {node.address} after {self._wait_s:.0f} s: "
                f"{problem}"
            ) from None

    def _pod_runs(self, cluster: Client, component: Component) -> Callable[[Node], Awaitable[str]]:
        from talos.kubernetes.kinds import POD

        async def runs(node: Node) -> str:
            pod = await cluster.get(POD, f"{component.name}-{node.name}", "kube-system")
            if not any(c.get("image") == self._image(component) for c in pod["spec"]["containers"]):
                return "its pod still has the old image"
            conditions = {c["type"]: c["status"] for c in pod.get("status", {}).get("conditions", [])}
            return "" if conditions.get("Ready") == "True" else "its pod is not ready"

        return runs

    def _kubelet_runs(self, cluster: Client) -> Callable[[Node], Awaitable[str]]:
        from talos.kubernetes.kinds import NODE

        async def runs(node: Node) -> str:
            status = (await cluster.get(NODE, node.name))["status"]
            version = status["nodeInfo"]["kubeletVersion"].removeprefix("v")
            if version != self._new:
                return f"its kubelet is {version}"
            conditions = {c["type"]: c["status"] for c in status.get("conditions", [])}
            return "" if conditions.get("Ready") == "True" else "it is not ready"

        return runs

    async def _manifests(self, cluster: Client, node: Node) -> None:
        """What the control plane keeps in the cluster: flannel, CoreDNS, roles."""
        from talos.api import cosi_resource_pb2 as pb
        from talos.kubernetes.errors import ApiError
        from talos.talosctl.resource_output import spec_of

        print(f"bringing manifests up to date{' (dry run)' if self._dry_run else ''}", flush=True)
        request = pb.ListRequest(namespace="controlplane", type=_MANIFESTS)
        async for reply in self._session.stream(node.address, "/cosi.resource.State/List", request):
            for item in spec_of(reply.resource) or ():
                metadata = item.get("metadata", {})
                name = "/".join(filter(None, (item.get("kind"), metadata.get("namespace"), metadata.get("name"))))
                try:
                    await cluster.apply(
                        item, FIELD_MANAGER, force=self._flags["manifests_force"], dry_run=self._dry_run
                    )
                except ApiError as error:
                    raise click.ClickException(
                        f"error applying {name}: {error} (--manifests-force takes fields over that others have changed)"
                    ) from error
                print(f" < {name}", flush=True)


async def _nodes(cluster: Client) -> list[Node]:
    from talos.kubernetes.kinds import NODE

    items, _ = await cluster.list(NODE)
    found = []
    for item in items:
        addresses = {a["type"]: a["address"] for a in reversed(item["status"].get("addresses", []))}
        found.append(
            Node(
                item["metadata"]["name"],
                addresses.get("InternalIP") or item["metadata"]["name"],
                item["status"]["nodeInfo"]["kubeletVersion"].removeprefix("v"),
                _CONTROL_PLANE in item["metadata"].get("labels", {}),
            )
        )
    if not any(node.control_plane for node in found):
        raise click.ClickException(
            f"no node of the cluster has the label {_CONTROL_PLANE}: there is nothing to upgrade"
        )
    return sorted(found, key=lambda node: (not node.control_plane, node.name))
