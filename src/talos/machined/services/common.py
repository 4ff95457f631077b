"""Conditions that several services share."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

from talos.machined.conditions import Condition, ResourceCondition
from talos.resources.network import AddressStatusSpec, HostDNSConfigSpec
from talos.resources.network import StatusSpec as NetworkStatusSpec
from talos.resources.time import StatusSpec as TimeStatusSpec

_LOOK_S = 0.2
_CACHE_S = 60.0
PATH = "PATH=/usr/bin:/usr/local/sbin:/usr/local/bin:/opt/cni/bin"
ENVIRONMENT = {
    "PATH": "/usr/bin:/usr/local/sbin:/usr/local/bin:/opt/cni/bin",
    "XDG_RUNTIME_DIR": "/run",
    "TCELL_MINIMIZE": "1",
}
"""what every program is started with, beside the proxies of the machine configuration"""


def network_ready() -> Condition:
    """Addresses, host name and generated files of /etc."""
    return ResourceCondition(
        "network",
        NetworkStatusSpec,
        "status",
        lambda spec: bool(spec.address_ready and spec.hostname_ready and spec.etc_files_ready),
    )


def time_synced() -> Condition:
    """The clock is right, or must be taken as it is."""
    return ResourceCondition("time sync", TimeStatusSpec, "node", lambda spec: bool(spec.synced))


class HostDNSReachable(Condition):
    """The addresses of the host's DNS cache that pods are given are on the node, if they are given any."""

    text = "the address of the DNS cache"

    async def wait(self, node: Any) -> None:
        from talos.controllers.network.host_dns_config import ADDRESS_STATUS, pod_servers

        config = await node.state.wait_for(HostDNSConfigSpec, "config")
        for server in pod_servers(config.spec):
            await node.state.wait_for(AddressStatusSpec, ADDRESS_STATUS[server])


class VolumesMounted(Condition):
    """Volumes are ready and mounted."""

    def __init__(self, *ids: str) -> None:
        self.text = f"volumes {', '.join(ids)} to be mounted"
        self._ids = ids

    async def wait(self, node: Any) -> None:
        from talos.resources.block import VolumeStatusSpec

        for id in self._ids:
            await node.state.wait_for(VolumeStatusSpec, id, lambda resource: str(resource.spec.phase) == "ready")


class ImageCacheSettled(Condition):
    """The node's cache of images is asked before registries, or is known not to be there. What goes wrong with it is no
    reason to have no pods."""

    text = "the cache of images"

    async def wait(self, node: Any) -> None:
        from talos.resources.cri import ImageCacheConfigSpec
        from talos.resources.enums import ImageCacheStatus

        config = node.config.current
        if config is None or not config.machine.image_cache:
            return
        settled = (ImageCacheStatus.READY, ImageCacheStatus.DISABLED)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_CACHE_S):
                await node.state.wait_for(ImageCacheConfigSpec, "image-cache", lambda one: one.spec.status in settled)


class UserVolumesSettled(Condition):
    """Each volume of the user's is mounted, or is known not to be: pods would write below the place of one that comes
    later. One that fails is no reason to have none of the node's pods."""

    text = "volumes of the user to be mounted"

    async def wait(self, node: Any) -> None:
        while not await self._settled(node):  # noqa: ASYNC110 - which ones there are changes with the configuration
            await asyncio.sleep(_LOOK_S)

    @staticmethod
    async def _settled(node: Any) -> bool:
        from talos.resources.block import VolumeStatusSpec

        config = node.config.current
        for volume in config.machine.volumes if config is not None else ():
            if node.env.in_container and volume.kind != "directory":
                continue
            found = await node.state.get_or_none(VolumeStatusSpec, volume.id)
            if found is None or str(found.spec.phase) not in ("ready", "failed"):
                return False
        return True
