"""ImageService, and the two calls of MachineService that it replaced.

Namespace cri holds the images of pods. Namespace system is the node's own: services run without containers, so it is
empty until an image for a debug container or an upgrade is put there.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status

from talos.api import machine_pb2
from talos.machined import containerd, image_transfer, image_verification, images
from talos.machined.rpc import Call, client_stream, server_stream, unary


@server_stream("/machine.MachineService/ImageList")
async def image_list(_call: Call, request: Any) -> AsyncIterator[machine_pb2.ImageListResponse]:
    """Superseded by ImageService.List."""
    for image in await images.images(containerd.namespace(request.namespace)):
        response = machine_pb2.ImageListResponse(name=image.name, digest=image.digest, size=image.size_bytes)
        response.created_at.FromDatetime(image.created)
        yield response


@unary("/machine.MachineService/ImagePull")
async def image_pull(_call: Call, request: Any) -> machine_pb2.ImagePullResponse:
    """Superseded by ImageService.Pull."""
    await _pull(request.reference, request.namespace)
    return machine_pb2.ImagePullResponse(messages=[machine_pb2.ImagePull()])


@server_stream("/machine.ImageService/List")
async def service_list(_call: Call, request: Any) -> AsyncIterator[machine_pb2.ImageServiceListResponse]:
    """Images of one namespace."""
    for image in await images.images(containerd.namespace(request.containerd.namespace)):
        response = machine_pb2.ImageServiceListResponse(
            name=image.name, digest=image.digest, size=image.size_bytes, labels=image.labels
        )
        response.created_at.FromDatetime(image.created)
        yield response


@server_stream("/machine.ImageService/Pull")
async def service_pull(_call: Call, request: Any) -> AsyncIterator[machine_pb2.ImageServicePullResponse]:
    """Pull an image; the answer is its name. containerd's CRI plugin tells no progress of layers."""
    yield machine_pb2.ImageServicePullResponse(name=await _pull(request.image_ref, request.containerd.namespace))


async def _pull(reference: str, namespace: int) -> str:
    """What the node carries is there whatever the namespace, and without a registry: Talos' upgrade-k8s pulls all of
    Kubernetes' images before it changes anything."""
    space = containerd.namespace(namespace)
    if name := await images.carried(reference):
        return name
    return await (images.pull(reference) if space == containerd.PODS else image_transfer.pull(reference, space))


@client_stream("/machine.ImageService/Import")
async def service_import(
    _call: Call, requests: AsyncIterator[machine_pb2.ImageServiceImportRequest]
) -> machine_pb2.ImageServiceImportResponse:
    """Take an image archive: the first message names the namespace, the rest are the archive's bytes."""
    first = await anext(requests, None)
    if first is None or first.WhichOneof("request") != "containerd":
        raise GRPCError(Status.INVALID_ARGUMENT, "the first message must name the containerd namespace")

    async def chunks() -> AsyncIterator[bytes]:
        async for request in requests:
            if request.WhichOneof("request") != "image_chunk":
                raise GRPCError(Status.INVALID_ARGUMENT, "only pieces of the archive may follow the first message")
            yield request.image_chunk.bytes

    space = containerd.namespace(first.containerd.namespace)
    return machine_pb2.ImageServiceImportResponse(name=await image_transfer.import_archive(chunks(), space))


@unary("/machine.ImageService/Remove")
async def service_remove(_call: Call, request: Any) -> Empty:
    """Remove an image by name."""
    await images.remove(request.image_ref, containerd.namespace(request.containerd.namespace))
    return Empty()


@unary("/machine.ImageService/Verify")
async def service_verify(call: Call, request: Any) -> machine_pb2.ImageServiceVerifyResponse:
    """What the rules of this node say about an image."""
    config = call.node.config.current
    verdict = image_verification.judge(request.image_ref, image_verification.rules(config))
    return machine_pb2.ImageServiceVerifyResponse(
        verified=verdict.verified,
        message=verdict.message,
        digested_image_ref=request.image_ref if "@sha256:" in request.image_ref else "",
    )
