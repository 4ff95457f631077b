"""The configuration and the volumes that hold a cache of images → where it is served from, and how far its copy is.

A cache comes on the medium that a machine is installed from (the folder imagecache of the ISO) or on a volume of its
own, IMAGECACHE. With both, the medium is copied to the volume, which is served first, and the medium may go. What is
there already is served while it is copied. In a container both are folders that are mounted there.

registryd serves it (talos.machined.image_cache), containerd asks it as mirror of every registry (registries_config).
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

from talos.config.view.volumes import IMAGE_CACHE, IMAGE_CACHE_MEDIUM, mount_path
from talos.controllers import machine_config
from talos.controllers.publish import always
from talos.imagecache import transfer
from talos.imagecache.layout import CacheError
from talos.resources.block import VolumeStatusSpec
from talos.resources.cri import ImageCacheConfigSpec
from talos.resources.enums import ImageCacheCopyStatus, ImageCacheStatus, VolumePhase
from talos.resources.v1alpha1 import ServiceSpec
from talos.state.controller import Controller, Input, Output
from talos.state.runtime import Runtime

VOLUME, MEDIUM = IMAGE_CACHE, IMAGE_CACHE_MEDIUM
ROOTS = {VOLUME: mount_path(VOLUME), MEDIUM: f"{mount_path(MEDIUM)}/imagecache"}
SERVICE = "registryd"
_LOOK_S, _AGAIN_S = 0.5, 60.0
_TENTH = 10


class Copy:
    """One copy of a medium, in a thread that the process may end with: it goes on where it stopped."""

    def __init__(self, source: Path, target: Path, say: Callable[[str], None]) -> None:
        self.stopped = False
        self.size = 0
        """bytes that were copied, once it is done"""
        self.problem = ""
        self._source, self._target, self._say = source, target, say
        self._tenths = 0
        self._thread = threading.Thread(target=self._run, name="copy of the image cache", daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            self.size = transfer.copy(self._source, self._target, self._progress, lambda: self.stopped)
        except (CacheError, OSError) as error:
            self.problem = str(error)

    def _progress(self, done: int, total: int) -> None:
        tenths = done * _TENTH // total if total else _TENTH
        if tenths > self._tenths:
            self._tenths = tenths
            self._say(f"{done / 1e6:.1f} of {total / 1e6:.1f} MB of the cache of images are on its volume")


class ImageCacheConfigController(Controller):
    """Machine configuration, VolumeStatuses → ImageCacheConfigs."""

    name = "cri.ImageCacheConfigController"
    inputs = (
        machine_config.ACTIVE_CONFIG,
        Input(VolumeStatusSpec, id=VOLUME),
        Input(VolumeStatusSpec, id=MEDIUM),
        Input(ServiceSpec, id=SERVICE),
    )
    outputs = (Output(ImageCacheConfigSpec),)

    def __init__(self) -> None:
        self._copying: Copy | None = None
        self._copied = False
        self._said = ""

    async def reconcile(self, rt: Runtime) -> None:
        config = await machine_config.active(rt)
        if config is None or not config.machine.image_cache:
            if self._copying is not None:
                self._copying.stopped = True
            self._copied = False
            spec = ImageCacheConfigSpec(status=ImageCacheStatus.DISABLED, copy_status=ImageCacheCopyStatus.SKIPPED)
            await rt.modify(ImageCacheConfigSpec, "image-cache", always(spec))
            return
        found = {id: await self._there(rt, id, id == VOLUME and config.machine.has_image_cache_volume) for id in ROOTS}
        spec = ImageCacheConfigSpec(roots=[ROOTS[id] for id, there in found.items() if there])
        spec.copy_status = ImageCacheCopyStatus.SKIPPED
        if found[VOLUME] and found[MEDIUM]:
            spec.copy_status = self._copy(rt)
        service = await rt.get_or_none(ServiceSpec, SERVICE)
        healthy = service is not None and service.spec.running and service.spec.healthy
        if spec.roots:
            spec.status = ImageCacheStatus.READY if healthy else ImageCacheStatus.PREPARING
        else:
            waits = None in found.values()
            spec.status = ImageCacheStatus.PREPARING if waits else ImageCacheStatus.DISABLED
        self._say(rt, spec)
        await rt.modify(ImageCacheConfigSpec, "image-cache", always(spec))

    async def _there(self, rt: Runtime, id: str, wanted: bool) -> bool | None:
        """Whether a cache can be served from a volume, None if that is not known yet."""
        if not rt.env.in_container:
            volume = await rt.get_or_none(VolumeStatusSpec, id)
            if volume is None:
                return None if wanted else False
            if volume.spec.phase in (VolumePhase.MISSING, VolumePhase.FAILED):
                return False
            if volume.spec.phase is not VolumePhase.READY:
                return None
        # The volume may be empty yet; of a medium the folder counts.
        root: Path = rt.env.path(ROOTS[id])
        return root.is_dir()

    def _copy(self, rt: Runtime) -> ImageCacheCopyStatus:
        """Begin it, or see how far it is."""
        if self._copied:
            return ImageCacheCopyStatus.READY
        if self._copying is None:
            source, target = (rt.env.path(ROOTS[id]) for id in (MEDIUM, VOLUME))
            self._copying = Copy(source, target, rt.log.info)
        if not self._copying.done:
            rt.requeue_after(_LOOK_S)
            return ImageCacheCopyStatus.PENDING
        done, self._copying = self._copying, None
        if done.problem:
            rt.log.error("the cache of images is served from its medium, it cannot be copied: %s", done.problem)
            rt.requeue_after(_AGAIN_S)
            return ImageCacheCopyStatus.PENDING
        rt.log.info("the cache of images is copied: %.1f MB were not there yet", done.size / 1e6)
        self._copied = True
        return ImageCacheCopyStatus.READY

    def _say(self, rt: Runtime, spec: ImageCacheConfigSpec) -> None:
        text = f"{spec.status}, copy {spec.copy_status}, {', '.join(spec.roots) or 'none is there'}"
        if text != self._said:
            rt.log.info("cache of images: %s", text)
            self._said = text
