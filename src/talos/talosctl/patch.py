"""talosctl patch machineconfig."""

from __future__ import annotations

import click

from talos.talosctl.apply import HowToApply, mode_options, send
from talos.talosctl.options import Command, client_options
from talos.talosctl.session import Answers, Session

TYPE = "MachineConfigs.config.talos.dev"
NAMESPACE = "config"
ID = "v1alpha1"


_KINDS = frozenset({"mc", "machineconfig", "machineconfigs", TYPE.lower()})


def check_kind(kind: str) -> None:
    """Only a machine configuration can be changed by hand. UsageError."""
    if kind.lower() not in _KINDS:
        raise click.UsageError(f"only the machine configuration (mc) can be changed this way, not {kind!r}")


async def current(session: Session, node: str, resource_id: str = ID) -> str:
    """The configuration of a node. ApiError."""
    from talos.api import cosi_resource_pb2 as pb
    from talos.talosctl.resource_output import spec_of

    reply = await session.call(
        node, "/cosi.resource.State/Get", pb.GetRequest(namespace=NAMESPACE, type=TYPE, id=resource_id)
    )
    spec = spec_of(reply.resource)
    return spec if isinstance(spec, str) else str(reply.resource.spec.yaml_spec)


@click.command(cls=Command)
@client_options
@click.option("-p", "--patch", "patches", multiple=True, metavar="PATCH", help="a patch; @FILE reads it")
@click.option("--patch-file", default="", metavar="FILE", help="a file with a patch")
@click.option("--namespace", default="", hidden=True)
@mode_options
@click.argument("kind", metavar="machineconfig")
@click.argument("resource_id", metavar="[ID]", default=ID)
def patch(
    session: Session,
    kind: str,
    resource_id: str,
    patches: tuple[str, ...],
    patch_file: str,
    namespace: str,
    how: HowToApply,
) -> None:
    """Merge patches into the configuration of nodes: talosctl patch mc --patch @FILE."""
    check_kind(kind)
    from talos.config.errors import ConfigError
    from talos.config.patch import apply_patches_to_text
    from talos.talosctl.gen.files import read_patches

    wanted = [*patches, *([f"@{patch_file}"] if patch_file else [])]
    if not wanted:
        raise click.UsageError("give a patch with --patch or --patch-file")
    texts = read_patches(tuple(wanted), "--patch")

    async def one(node: str) -> None:
        text = await current(session, node, resource_id)
        try:
            changed = apply_patches_to_text(text, texts)
        except ConfigError as error:
            raise click.ClickException(f"the patch does not fit the configuration of node {node}: {error}") from error
        headline = f"patched {TYPE}/{resource_id} at the node {node}"
        await send(session, node, changed.encode(), how, headline)

    answers: Answers[None] = session.run(lambda: session.each(one))
    answers.finish("error applying the patched configuration on node {node}: {error}")
