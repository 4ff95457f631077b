"""A container beside the pods, run by containerd for one caller and gone when it ends or the caller leaves.

Not by CRI: the kubelet stops every pod that it does not know, and CRI has no signals. Standard input and output are
FIFOs that the shim opens; what machined does not take out of them, the container waits for.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shutil
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.empty_pb2 import Empty
from grpclib import GRPCError, Status
from msgspec import Struct, field

from talos.api import containerd_tasks_pb2 as pb
from talos.machined import containerd, debug_spec, image_config

FOLDER = Path("/run/machined/debug")
_TASKS = "/containerd.services.tasks.v1.Tasks/"
_CONTAINERS = "/containerd.services.containers.v1.Containers/"
_SNAPSHOTS = "/containerd.services.snapshots.v1.Snapshots/"
_SPEC_TYPE = "types.containerd.io/opencontainers/runtime-spec/1/Spec"
_SNAPSHOTTER = "overlayfs"
_CHUNK_BYTES = 32 * 1024
SIGKILL = 9


class Wanted(Struct, frozen=True):
    """What the caller asked for. args replace the image's command if there are any."""

    image: str
    space: str
    args: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    tty: bool = False
    privileged: bool = True


class DebugContainer:
    """`async with DebugContainer.started(wanted)`; then `output`, `write`, `signal`, `resize`, and `exit_code`."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self.id = f"debug-{uuid.uuid4().hex[:12]}"
        self._folder = FOLDER / self.id
        self._stdin = -1
        self._outputs: list[int] = []
        self._waiting: asyncio.Task[Any] | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def started(cls, wanted: Wanted) -> AsyncIterator[DebugContainer]:
        """Running for the block, removed behind it whatever happened. GRPCError: it cannot start, nothing is left."""
        container = cls(wanted)
        try:
            await container._start()
            yield container
        finally:
            await asyncio.shield(asyncio.ensure_future(container._remove()))

    async def _start(self) -> None:
        wanted = self._wanted
        config = await image_config.read(wanted.image, wanted.space)
        args = list(wanted.args) or config.command
        if not args:
            raise GRPCError(Status.INVALID_ARGUMENT, f"image {wanted.image} names no command: give one with args")
        spec = debug_spec.spec(
            self.id, args, [*config.env, *(f"{k}={v}" for k, v in wanted.env.items())],
            cwd=config.working_dir, tty=wanted.tty, privileged=wanted.privileged,
        )  # fmt: skip
        mounts = (
            await self._call(
                _SNAPSHOTS + "Prepare",
                pb.PrepareSnapshotRequest(
                    snapshotter=_SNAPSHOTTER, key=self.id, parent=config.chain_id, labels={"containerd.io/gc.root": "1"}
                ),
                pb.PrepareSnapshotResponse,
            )
        ).mounts
        packed = AnyMessage(type_url=_SPEC_TYPE, value=json.dumps(spec).encode())
        await self._call(
            _CONTAINERS + "Create",
            pb.CreateContainerRequest(
                container=pb.Container(
                    id=self.id, image=wanted.image, runtime=pb.Container.Runtime(name="io.containerd.runc.v2"),
                    spec=packed, snapshotter=_SNAPSHOTTER, snapshot_key=self.id,
                )
            ),
            pb.CreateContainerResponse,
        )  # fmt: skip
        self._make_pipes()
        names = [str(self._folder / name) for name in ("stdin", "stdout", "stderr")]
        await self._call(
            _TASKS + "Create",
            pb.CreateTaskRequest(
                container_id=self.id, rootfs=mounts, stdin=names[0], stdout=names[1],
                stderr="" if wanted.tty else names[2], terminal=wanted.tty,
            ),
            pb.CreateTaskResponse,
        )  # fmt: skip
        self._waiting = asyncio.ensure_future(
            containerd.call(
                _TASKS + "Wait", pb.WaitRequest(container_id=self.id), pb.WaitResponse, wanted.space, timeout_s=None
            )
        )
        await self._call(_TASKS + "Start", pb.StartRequest(container_id=self.id), pb.StartResponse)

    def _make_pipes(self) -> None:
        self._folder.mkdir(parents=True, mode=0o700)
        for name in ("stdin", "stdout", "stderr"):
            os.mkfifo(self._folder / name, 0o600)
        # Read and write: opening never waits for the shim, and it never sees an end before we say so.
        self._stdin = os.open(self._folder / "stdin", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        for name in ("stdout",) if self._wanted.tty else ("stdout", "stderr"):
            self._outputs.append(os.open(self._folder / name, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC))

    async def output(self) -> AsyncIterator[bytes]:
        """Standard output and error as they come, until the container has ended and nothing is left."""
        assert self._waiting is not None
        loop, arrived = asyncio.get_running_loop(), asyncio.Event()
        self._waiting.add_done_callback(lambda _: arrived.set())
        while True:
            over = self._waiting.done()
            if over:  # the shim has handed on everything when the task is deleted
                await self._delete_task()
            quiet = True
            for descriptor in self._outputs:
                with contextlib.suppress(BlockingIOError):
                    while chunk := os.read(descriptor, _CHUNK_BYTES):
                        quiet = False
                        yield chunk
            if over:
                return
            if quiet:
                arrived.clear()
                for descriptor in self._outputs:
                    loop.add_reader(descriptor, arrived.set)
                try:
                    if not self._waiting.done():
                        await arrived.wait()
                finally:
                    for descriptor in self._outputs:
                        loop.remove_reader(descriptor)

    async def exit_code(self) -> int:
        """Of the container's first process."""
        assert self._waiting is not None
        return int((await self._waiting).exit_status)

    async def write(self, data: bytes) -> None:
        """To its standard input; waits for as long as nobody reads there."""
        loop, view, room = asyncio.get_running_loop(), memoryview(data), asyncio.Event()
        while view and self._stdin >= 0:
            try:
                view = view[os.write(self._stdin, view) :]
            except BlockingIOError:
                room.clear()
                loop.add_writer(self._stdin, room.set)
                try:
                    await room.wait()
                finally:
                    loop.remove_writer(self._stdin)

    async def close_input(self) -> None:
        """It reads an end of file once it has read what was written."""
        if self._stdin >= 0:
            os.close(self._stdin)
            self._stdin = -1
            await self._try(_TASKS + "CloseIO", pb.CloseIORequest(container_id=self.id, stdin=True), Empty)

    async def signal(self, number: int) -> None:
        """To its first process."""
        await self._try(_TASKS + "Kill", pb.KillRequest(container_id=self.id, signal=number), Empty)

    async def resize(self, width: int, height: int) -> None:
        """Its terminal, in characters."""
        request = pb.ResizePtyRequest(container_id=self.id, width=width, height=height)
        await self._try(_TASKS + "ResizePty", request, Empty)

    async def _delete_task(self) -> None:
        await self._try(_TASKS + "Delete", pb.DeleteTaskRequest(container_id=self.id), pb.DeleteResponse)

    async def _remove(self) -> None:
        if self._waiting is not None:
            if not self._waiting.done():
                kill = pb.KillRequest(container_id=self.id, signal=SIGKILL, all=True)
                await self._try(_TASKS + "Kill", kill, Empty)
                await asyncio.wait([self._waiting], timeout=10.0)
                self._waiting.cancel()
            await asyncio.gather(self._waiting, return_exceptions=True)
            await self._delete_task()
        await self._try(_CONTAINERS + "Delete", pb.DeleteContainerRequest(id=self.id), Empty)
        request = pb.RemoveSnapshotRequest(snapshotter=_SNAPSHOTTER, key=self.id)
        await self._try(_SNAPSHOTS + "Remove", request, Empty)
        for descriptor in (self._stdin, *self._outputs):
            if descriptor >= 0:
                os.close(descriptor)
        shutil.rmtree(self._folder, ignore_errors=True)

    async def _call(self, method: str, request: Any, response: type[Any]) -> Any:
        return await containerd.call(method, request, response, self._wanted.space)

    async def _try(self, method: str, request: Any, response: type[Any]) -> None:
        """Where the container may have ended already."""
        with contextlib.suppress(GRPCError):
            await self._call(method, request, response)
