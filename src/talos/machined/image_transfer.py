"""Images into containerd's store by its transfer service: from an archive that the caller sends, or from a registry.

The CRI plugin pulls for pods only and imports nothing. Bytes go over a stream of the streaming service, whose receiver
says how much it takes (windows); a slow disk so slows the sender and fills no memory.
"""

from __future__ import annotations

import asyncio
import platform
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import h2.exceptions
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.empty_pb2 import Empty
from google.protobuf.message import Message
from grpclib import GRPCError, Status
from grpclib.client import Channel, Stream, StreamStreamMethod, UnaryUnaryMethod
from grpclib.exceptions import ProtocolError, StreamTerminatedError

from talos.api import containerd_images_pb2 as images_pb
from talos.api import containerd_transfer_pb2 as pb
from talos.machined import containerd

SNAPSHOTTER = "overlayfs"
HOSTS_FOLDER = "/etc/cri/conf.d/hosts"
LIMIT_S = 1800.0
_TRANSFER = "/containerd.services.transfer.v1.Transfer/Transfer"
_DELETE = "/containerd.services.images.v1.Images/Delete"
_STREAM = "/containerd.services.streaming.v1.Streaming/Stream"
_STREAM_INIT = "containerd.services.streaming.v1.StreamInit"
_CHUNK_BYTES = 32 * 1024
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


async def import_archive(chunks: AsyncIterator[bytes], space: str) -> str:
    """Take a docker or OCI archive (plain, gzip or zstd tar); returns its image's name. GRPCError if it is none."""
    prefix = f"import-{datetime.now(UTC):%Y-%m-%d}"
    by_prefix = pb.ImageReference(
        name=prefix, is_prefix=True, allow_overwrite=True, add_digest=True, skip_named_digest=True
    )
    destination = _store(extra_references=[by_prefix])
    async with containerd.connected() as channel, _stream(channel, space) as (stream, id):
        sending = asyncio.create_task(_send(stream, chunks))
        try:
            names = await _transfer(channel, space, pb.ImageImportStream(stream=id), destination)
            if sending.done():
                sending.result()  # the caller's own failure, told as it is
        except GRPCError as error:
            if sending.done() and not sending.cancelled() and (cause := sending.exception()) is not None:
                raise cause from error
            raise GRPCError(Status.INVALID_ARGUMENT, f"this is no image archive: {error.message}") from error
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
    named = [name for name in names if not name.startswith(f"{prefix}@")]
    if not names:
        raise GRPCError(Status.INVALID_ARGUMENT, "the archive holds no image")
    for name in names if named else ():  # by digest only where an archive gives no name
        if name not in named:
            await containerd.call(_DELETE, images_pb.DeleteImageRequest(name=name), Empty, space)
    return (named or names)[0]


async def pull(reference: str, space: str) -> str:
    """Fetch an image from its registry or a mirror; returns its name."""
    source = pb.OCIRegistry(reference=reference, resolver=pb.RegistryResolver(host_dir=HOSTS_FOLDER))
    async with containerd.connected() as channel:
        try:
            await _transfer(channel, space, source, _store(name=reference))
        except GRPCError as error:
            text = f'error pulling image: failed to pull image "{reference}": {error.message}'
            raise GRPCError(error.status, text) from error
    return reference


def _store(**fields: object) -> pb.ImageStore:
    here = pb.Platform(os="linux", architecture=_MACHINES.get(platform.machine(), platform.machine()))
    unpack = pb.UnpackConfiguration(platform=here, snapshotter=SNAPSHOTTER)
    return pb.ImageStore(platforms=[here], unpacks=[unpack], **fields)  # type: ignore[arg-type]


async def _transfer(channel: Channel, space: str, source: Message, destination: Message) -> list[str]:
    """Names of the images that were stored."""
    saved: list[str] = []
    async with _stream(channel, space) as (progress, id):
        # Our side is closed at once: otherwise containerd ends the stream by a reset, and what it sent before is lost.
        await progress.end()

        async def listen() -> None:
            while (message := await progress.recv_message()) is not None:
                event = pb.Progress.FromString(message.value)
                if event.event == "saved":
                    saved.append(event.name)

        listening = asyncio.create_task(listen())
        try:
            await UnaryUnaryMethod(channel, _TRANSFER, pb.TransferRequest, Empty)(
                pb.TransferRequest(
                    source=containerd.packed(source),
                    destination=containerd.packed(destination),
                    options=pb.TransferOptions(progress_stream=id),
                ),
                timeout=LIMIT_S,
                metadata=containerd.metadata(space),
            )
            # containerd closes the stream behind its last event.
            await asyncio.wait([listening], timeout=5.0)
        finally:
            listening.cancel()
            await asyncio.gather(listening, return_exceptions=True)
    return saved


@asynccontextmanager
async def _stream(channel: Channel, space: str) -> AsyncIterator[tuple[Stream[AnyMessage, AnyMessage], str]]:
    """A registered stream and the id by which a transfer names it."""
    id = f"machined-{uuid.uuid4()}"
    method = StreamStreamMethod(channel, _STREAM, AnyMessage, AnyMessage)
    try:
        async with method.open(metadata=containerd.metadata(space)) as stream:
            await stream.send_message(containerd.packed(pb.StreamInit(id=id), _STREAM_INIT))
            await stream.recv_message()  # empty: registered
            yield stream, id
            await stream.cancel()
    except (StreamTerminatedError, ProtocolError, h2.exceptions.ProtocolError):
        pass  # containerd ended it first


async def _send(stream: Stream[AnyMessage, AnyMessage], chunks: AsyncIterator[bytes]) -> None:
    window = 0
    try:
        async for chunk in chunks:
            view = memoryview(chunk)
            while view:
                while window <= 0:
                    message = await stream.recv_message()
                    if message is None:
                        return  # it has all that it wants
                    window += pb.WindowUpdate.FromString(message.value).update
                part = view[: min(window, _CHUNK_BYTES)]
                view = view[len(part) :]
                window -= len(part)
                await stream.send_message(containerd.packed(pb.Data(data=bytes(part))))
        await stream.end()
    except StreamTerminatedError:
        return  # the transfer's own answer says why
