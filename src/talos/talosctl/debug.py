"""talosctl debug: a container on a node, with its terminal here."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from talos.talosctl.image import instance, listed
from talos.talosctl.options import Command, ListOption, client_options
from talos.talosctl.session import Session

if TYPE_CHECKING:
    from talos.api import machine_pb2

_CHUNK_BYTES = 1 << 20


@click.command(cls=Command)
@client_options
@click.option("--namespace", default="inmem", help="where the image goes: inmem, system or cri [default: inmem]")
@click.option("--args", "arguments", cls=ListOption, metavar="ARG,...", help="what to run, instead of the image's own")
@click.argument("image", metavar="[FILE|IMAGE]", default="")
def debug(session: Session, image: str, namespace: str, arguments: list[str]) -> None:
    """Run a container on one node to look around in it: an archive (docker save) or the name of an image.

    It sees the node's processes and files and ends with this command.
    """
    from talos.client import ApiError

    if not image:
        raise click.UsageError("name an image, or an archive of one that docker save has written")
    (node,) = session.targets(exactly_one=True, command="debug")
    containerd = instance(namespace)

    async def main() -> int:
        name = await _image(session, node, namespace, image)
        return await _run(session, node, containerd, name, arguments)

    try:
        code = session.run(main)
    except ApiError as error:
        raise click.ClickException(f"error running {image} on node {node}: {error}") from error
    click.get_current_context().exit(code)


async def _image(session: Session, node: str, namespace: str, image: str) -> str:
    """Bring the image to the node; its name there. ApiError."""
    from talos.api import common_pb2, machine_pb2
    from talos.client import ApiError

    containerd = instance(namespace)

    if not Path(image).is_file():
        name = image
        request = machine_pb2.ImageServicePullRequest(containerd=containerd, image_ref=image)
        try:
            async for answer in session.stream(node, "/machine.ImageService/Pull", request):
                name = answer.name or name
        except ApiError:
            # Without a way to the registry the image that is there has to do.
            if image not in await listed(session, node, namespace):
                raise
        return name

    async def parts() -> AsyncIterator[machine_pb2.ImageServiceImportRequest]:
        yield machine_pb2.ImageServiceImportRequest(containerd=containerd)
        with Path(image).open("rb") as file:  # noqa: ASYNC230 - nothing else runs
            while data := file.read(_CHUNK_BYTES):
                yield machine_pb2.ImageServiceImportRequest(image_chunk=common_pb2.Data(bytes=data))

    reply = await session.client(node).upload("/machine.ImageService/Import", parts(), node=session.target(node))
    return str(reply.name)


async def _run(session: Session, node: str, containerd: Any, name: str, arguments: list[str]) -> int:
    from talos.api import machine_pb2
    from talos.talosctl.terminal import Terminal

    request = machine_pb2.DebugContainerRunRequest
    with Terminal() as terminal:

        async def said() -> AsyncIterator[machine_pb2.DebugContainerRunRequest]:
            yield request(
                spec=machine_pb2.DebugContainerRunRequestSpec(
                    containerd=containerd,
                    image_name=name,
                    args=arguments,
                    env={"TERM": terminal.kind} if terminal.kind else {},
                    profile=machine_pb2.DebugContainerRunRequestSpec.PROFILE_PRIVILEGED,
                    tty=terminal.interactive,
                )
            )
            async for event in terminal.events():
                if isinstance(event, bytes):
                    yield request(stdin_data=event)
                elif isinstance(event, int):
                    yield request(signal=event)
                else:
                    yield request(term_resize=machine_pb2.DebugContainerTerminalResize(width=event[0], height=event[1]))

        code = 0
        path = "/machine.DebugService/ContainerRun"
        async for answer in session.client(node).converse(path, said(), node=session.target(node)):
            if answer.WhichOneof("resp") == "stdout_data":
                await asyncio.to_thread(sys.stdout.buffer.write, answer.stdout_data)
                sys.stdout.buffer.flush()
            else:
                code = answer.exit_code
        return code
