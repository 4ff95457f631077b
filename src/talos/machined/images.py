"""Images that containerd knows, and pulling one. Names and times come from its own store, sizes from its CRI plugin."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from msgspec import Struct, field

from talos.api import containerd_images_pb2 as store_pb2
from talos.api import cri_pb2
from talos.config.images import CARRIED
from talos.machined import containerd, cri

_LIST = "/containerd.services.images.v1.Images/List"
_DELETE = "/containerd.services.images.v1.Images/Delete"
_IMAGES = "/runtime.v1.ImageService/"
# The CRI plugin names each image by its configuration's digest as well; that is no name to pull or to show.
_ID_PREFIX = "sha256:"
PULL_LIMIT_S = 600.0


class Image(Struct, frozen=True):
    """One name of an image. size_bytes: what its layers take packed, 0 if containerd does not say."""

    name: str
    digest: str
    size_bytes: int
    created: datetime
    labels: dict[str, str] = field(default_factory=dict)


async def images(space: str = containerd.PODS) -> list[Image]:
    """All named images of a namespace, by name."""
    found = (await _stored(store_pb2.ListImagesRequest(), space)).images
    sizes = await _sizes() if space == containerd.PODS and found else {}
    return sorted(
        (
            Image(
                name=image.name,
                digest=image.target.digest,
                size_bytes=sizes.get(image.name, 0),
                created=datetime.fromtimestamp(image.created_at.seconds + image.created_at.nanos / 1e9, UTC),
                labels=dict(image.labels),
            )
            for image in found
            if not image.name.startswith(_ID_PREFIX)
        ),
        key=lambda image: image.name,
    )


async def pull(reference: str) -> str:
    """Fetch an image from its registry or a mirror of it; returns its name by digest. GRPCError says why not."""
    request = cri_pb2.PullImageRequest(image=cri_pb2.ImageSpec(image=reference))
    try:
        response = await cri.call(_IMAGES + "PullImage", request, cri_pb2.PullImageResponse, timeout_s=PULL_LIMIT_S)
    except GRPCError as error:
        raise GRPCError(error.status, f"error pulling image: {error.message}") from error
    for image in (
        await cri.call(_IMAGES + "ListImages", cri_pb2.ListImagesRequest(), cri_pb2.ListImagesResponse)
    ).images:
        if image.id == response.image_ref and image.repo_digests:
            return str(image.repo_digests[0])
    return str(response.image_ref)


async def carried(reference: str) -> str:
    """Name by digest of an image that the node has from its own image; "" for any other, and once it was removed."""
    if reference not in CARRIED:
        return ""
    found = next((image for image in await images() if image.name == reference), None)
    return f"{reference.rpartition(':')[0]}@{found.digest}" if found else ""


async def remove(reference: str, space: str = containerd.PODS) -> None:
    """Forget an image; NOT_FOUND if there is none of that name."""
    if reference not in {image.name for image in await images(space)}:
        raise GRPCError(Status.NOT_FOUND, f'image "{reference}" not found')
    if space != containerd.PODS:
        await containerd.call(_DELETE, store_pb2.DeleteImageRequest(name=reference), Empty, space)
        return
    request = cri_pb2.RemoveImageRequest(image=cri_pb2.ImageSpec(image=reference))
    await cri.call(_IMAGES + "RemoveImage", request, cri_pb2.RemoveImageResponse)


async def _stored(request: Any, space: str) -> Any:
    return await containerd.call(_LIST, request, store_pb2.ListImagesResponse, space)


async def _sizes() -> dict[str, int]:
    listed = await cri.call(_IMAGES + "ListImages", cri_pb2.ListImagesRequest(), cri_pb2.ListImagesResponse)
    return {
        name: int(image.size) for image in listed.images for name in (*image.repo_tags, *image.repo_digests, image.id)
    }
