"""What upgrade and rollback share: the node's slots, an image file pushed to them, and how an attempt ended.

A node that went back by itself is a failed command, with the reason that the node itself remembers. Nodes of another
make keep no such history: there the command ends when the node runs again.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from talos.talosctl.power import POLL_S, say

if TYPE_CHECKING:
    from google.protobuf.message import Message

    from talos.talosctl.session import Session

_SLOTS = "/pytalos.slots.SlotService/"
_HISTORY = "UpgradeHistories.runtime.pytalos.dev"
_CHUNK = 1 << 18
_OPEN = ("trial", "staged")


def local_file(image: str) -> Path | None:
    """The file that --image names; None for a reference. UsageError for a path where nothing lies."""
    path = Path(image)
    if path.is_file():
        return path
    if image.startswith(("/", "./", "../")):
        raise click.UsageError(f"--image {image}: there is no such file")
    return None


async def push(session: Session, node: str, file: Path) -> None:
    """Write a file to the slot that does not run, and set it for one trial at the next reboot. ApiError."""
    from talos.api import pytalos_slots_pb2 as pb

    say(node, f"sending {file}, {file.stat().st_size / 1e6:.0f} MB")
    written = (await session.upload(node, _SLOTS + "Write", _requests(file))).written
    await session.call(node, _SLOTS + "Boot", pb.BootRequest(staged=True, source=str(file)))
    say(node, f"slot {written.slot} holds {written.version}: the next reboot tries it")


async def _requests(file: Path) -> AsyncIterator[Message]:
    from talos.api import pytalos_slots_pb2 as pb

    digest = await asyncio.to_thread(_digest, file)
    yield pb.WriteRequest(header=pb.Header(size=file.stat().st_size, sha256=digest))
    with file.open("rb") as data:
        while chunk := data.read(_CHUNK):
            yield pb.WriteRequest(chunk=chunk)


def _digest(file: Path) -> bytes:
    import hashlib

    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").digest()


def show_plan(session: Session, image: str, *, rollback: bool = False) -> None:
    """Print what would change on each node. Changes nothing."""
    from talos.api import pytalos_slots_pb2 as pb

    file = local_file(image) if image else None
    name, size = image, 0
    if file is not None:
        from talos.slots import payload

        try:
            name, size = f"{payload.read(file).version} ({image})", file.stat().st_size
        except (payload.PayloadError, OSError) as error:
            raise click.ClickException(f"--image {image}: {error}") from error
    answers = session.ask(_SLOTS + "Plan", pb.PlanRequest())
    for node, plan in answers.good:
        for line in rollback_lines(plan) if rollback else upgrade_lines(plan, name, size):
            print(f"{node}: {line}")
    answers.finish()


def rollback_lines(plan: Any) -> list[str]:
    """What a rollback would do on a node."""
    if plan.rollback_refused:
        return [f"refused: {plan.rollback_refused}"]
    booted, other = plan.booted, plan.other
    return [f"would boot {other.version} from slot {other.slot}, instead of {booted.version} from slot {booted.slot}"]


def upgrade_lines(plan: Any, image: str, size: int) -> list[str]:
    """What an upgrade would do on a node. size: of an image file in bytes, 0 if not known."""
    if plan.upgrade_refused:
        return [f"refused: {plan.upgrade_refused}"]
    booted, other = plan.booted, plan.other
    if size > plan.free + other.size:
        return [f"refused: the image has {size >> 20} MiB, the boot partition {plan.free >> 20} MiB free"]
    slot = "B" if booted.slot == "A" else "A"
    replaced = f" instead of {other.version}" if other.version else ", which is empty"
    return [
        f"would write {image} to slot {slot}{replaced}, and reboot into it",
        *(f"would move pod {pod} away" for pod in plan.pods),
        f"if it does not come up healthy, {booted.version} from slot {booted.slot} runs again",
    ]


async def latest(session: Session, node: str) -> int | None:
    """Number of the last attempt that the node remembers, 0 for none; None where there is no such memory."""
    from grpclib.const import Status

    from talos.client import ApiError

    try:
        return max((int(resource.metadata.id) for resource in await _attempts(session, node)), default=0)
    except ApiError as error:
        if error.status in (Status.NOT_FOUND, Status.UNIMPLEMENTED, Status.INVALID_ARGUMENT):
            return None
        raise


async def _attempts(session: Session, node: str) -> list[Any]:
    from talos.api import cosi_resource_pb2 as pb

    request = pb.ListRequest(namespace="runtime", type=_HISTORY)
    return [answer.resource async for answer in session.stream(node, "/cosi.resource.State/List", request)]


async def decided(session: Session, node: str, before: int, what: str, timeout_s: float) -> None:
    """Until the node remembers how its newest attempt ended. ClickException when it went back."""
    try:
        async with asyncio.timeout(timeout_s):
            spec = await _decision(session, node, before)
    except TimeoutError:
        raise click.ClickException(
            f"{what} was begun, but is not decided after {timeout_s:.0f} s; "
            "see talosctl get upgradehistory and talosctl logs machined"
        ) from None
    if spec.get("outcome") != "confirmed":
        raise click.ClickException(
            f"{what} to {spec.get('toVersion')} {spec.get('outcome')}, {spec.get('fromVersion')} runs again: "
            f"{spec.get('reason')}"
        )
    say(node, f"{spec.get('toVersion')} runs from slot {spec.get('slot')} and is confirmed")


async def _decision(session: Session, node: str, before: int) -> dict[str, Any]:
    from talos.client import ApiError
    from talos.talosctl.resource_output import spec_of

    while True:
        try:
            found = [r for r in await _attempts(session, node) if int(r.metadata.id) > before]
        except ApiError:
            found = []  # it is on its way back
        if found:
            spec: dict[str, Any] = spec_of(max(found, key=lambda r: int(r.metadata.id)))
            if spec.get("outcome") not in _OPEN:
                return spec
        await asyncio.sleep(POLL_S)
