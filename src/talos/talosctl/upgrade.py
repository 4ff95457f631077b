"""talosctl upgrade."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from talos.config import images
from talos.talosctl import slots
from talos.talosctl.options import DURATION, Command, client_options
from talos.talosctl.power import Operation, say, wait_options
from talos.talosctl.session import Answers, Session

if TYPE_CHECKING:
    from talos.api import machine_pb2

_INSTALL = "/machine.LifecycleService/Upgrade"
_LEGACY = "/machine.MachineService/Upgrade"


@click.command(cls=Command)
@client_options
@wait_options
@click.option(
    "-i",
    "--image",
    default=images.INSTALLER,
    metavar="IMAGE",
    help="installer image in a registry (default: this version's), or an image file on this computer",
)
@click.option("--namespace", default="system", help="where the image is pulled to: system, cri or inmem")
@click.option("--drain/--no-drain", default=True, help="move pods away before a node reboots (default)")
@click.option("--drain-timeout", type=DURATION, default="5m0s", help="give up draining after (default: 5m)")
@click.option("--no-reboot", is_flag=True, help="install only; the new version runs after the next reboot")
@click.option(
    "-m", "--reboot-mode", type=click.Choice(["default", "powercycle", "force"]), default="default", help="see reboot"
)
@click.option("--legacy", is_flag=True, help="let the node do all of it by itself, as before Talos 1.14")
@click.option("-s", "--stage", is_flag=True, hidden=True)
@click.option("-f", "--force", is_flag=True, hidden=True)
@click.option("-p", "--preserve", is_flag=True, hidden=True)
@click.option("--progress", default="auto", hidden=True)
@click.option("--dry-run", is_flag=True, help="only say what would change")
def upgrade(session: Session, wait: bool, timeout: float, debug: bool, **flags: Any) -> None:
    """Install another version on nodes and reboot into it, one node after the other.

    A version that does not come up healthy is left by itself: the node then runs the one before, and the command says
    why.
    """
    wait, flags["debug"] = wait or debug, debug
    if flags["dry_run"]:
        slots.show_plan(session, flags["image"])
        return
    for name in ("force", "preserve"):
        if flags[name]:
            print(f"WARNING: --{name} is an old flag and has no effect", file=sys.stderr)
    if flags["stage"] and not flags["legacy"]:
        # Who stages an upgrade chooses the time of the reboot.
        print("WARNING: --stage is an old flag, taken as --no-reboot", file=sys.stderr)
        flags["no_reboot"] = True
    if flags["legacy"]:
        _legacy(session, wait, timeout, flags)
        return
    answers: Answers[None] = session.run(lambda: _upgrade(session, wait, timeout, flags))
    answers.finish("error upgrading node {node}: {error}")


async def _upgrade(session: Session, wait: bool, timeout_s: float, flags: dict[str, Any]) -> Answers[None]:
    from grpclib.const import Status

    file = slots.local_file(flags["image"])
    before: dict[str, int | None] = {}

    async def install(node: str) -> None:
        before[node] = await slots.latest(session, node)
        if file is not None:
            await slots.push(session, node, file)
            return
        await _pull(session, node, flags["image"], flags["namespace"])
        await _install(session, node, flags["image"], flags["namespace"])

    installed = await session.each(install)
    codes = {getattr(error, "status", None) for _, error in installed.errors}
    if codes == {Status.UNIMPLEMENTED} and not installed.good:  # nodes from before Talos 1.14
        return await _operation(session, flags).each(wait, timeout_s, back=True)
    if installed.errors or flags["no_reboot"]:
        return installed
    answers = await _reboot(session, wait, timeout_s, flags)
    if wait:
        await _decided(session, answers, before, timeout_s)
    return answers


async def _decided(
    session: Session, answers: Answers[None], before: dict[str, int | None], timeout_s: float
) -> None:
    """Nodes that run again have kept the new version, or left it."""
    for node, _ in list(answers.good):
        number = before[node]
        if number is None:
            continue  # an operating system that keeps no history
        try:
            await slots.decided(session, node, number, "upgrade", timeout_s)
        except click.ClickException as error:
            answers.good.remove((node, None))
            answers.errors.append((node, error))


async def _reboot(session: Session, wait: bool, timeout_s: float, flags: dict[str, Any]) -> Answers[None]:
    from talos.api import machine_pb2
    from talos.client import ApiError

    reboot = Operation(
        session,
        "reboot",
        "/machine.MachineService/Reboot",
        machine_pb2.RebootRequest(mode=flags["reboot_mode"].upper()),
        flags["debug"],
    )
    drain = flags["drain"] and await _has_kubernetes(session)
    if drain:
        return await reboot.each(wait, timeout_s, back=True, drain_timeout=flags["drain_timeout"])
    answers: Answers[None] = Answers()
    for node in session.targets():
        try:
            await reboot.one(node, wait, timeout_s, back=True)
        except ApiError as error:
            answers.errors.append((node, error))
            break  # the nodes behind it keep running what they run
        answers.good.append((node, None))
    return answers


async def _has_kubernetes(session: Session) -> bool:
    """Nodes without Kubernetes have no pods to move."""
    from grpclib.const import Status

    from talos.client import ApiError
    from talos.talosctl.drain import nodename

    try:
        await nodename(session, session.targets()[0])
    except ApiError as error:
        if error.status == Status.NOT_FOUND:
            return False
        raise
    return True


async def _pull(session: Session, node: str, image: str, namespace: str) -> None:
    from grpclib.const import Status

    from talos.api import machine_pb2
    from talos.client import ApiError
    from talos.talosctl.image import instance

    say(node, f"pulling {image}")
    request = machine_pb2.ImageServicePullRequest(containerd=instance(namespace), image_ref=image)
    try:
        async for _ in session.stream(node, "/machine.ImageService/Pull", request):
            pass
    except ApiError as error:
        if error.status != Status.UNIMPLEMENTED:
            raise
        say(node, "the node fetches the image itself")  # it keeps no images of its system


async def _install(session: Session, node: str, image: str, namespace: str) -> None:
    from talos.api import machine_pb2
    from talos.talosctl.image import instance

    say(node, f"installing {image}")
    request = machine_pb2.LifecycleServiceUpgradeRequest(
        containerd=instance(namespace), source=machine_pb2.InstallArtifactsSource(image_name=image)
    )
    code = 0
    async for answer in session.stream(node, _INSTALL, request):
        progress: machine_pb2.LifecycleServiceInstallProgress = answer.progress
        if progress.WhichOneof("response") == "exit_code":
            code = progress.exit_code
        elif progress.message.strip():
            say(node, progress.message.rstrip())
    if code:
        raise click.ClickException(
            f"error upgrading node {node}: the installer ended with status {code}, the node runs what it ran before"
        )


def _operation(session: Session, flags: dict[str, Any]) -> Operation:
    from talos.api import machine_pb2

    mode = "POWERCYCLE" if flags["reboot_mode"] == "powercycle" else "DEFAULT"
    request = machine_pb2.UpgradeRequest(
        image=flags["image"], preserve=True, stage=flags["stage"], force=flags["force"], reboot_mode=mode
    )
    return Operation(session, "upgrade", _LEGACY, request, flags["debug"])


def _legacy(session: Session, wait: bool, timeout_s: float, flags: dict[str, Any]) -> None:
    print("WARNING: --legacy is an old way to upgrade and will go away", file=sys.stderr)
    _operation(session, flags).run(wait, timeout_s, back=True)
