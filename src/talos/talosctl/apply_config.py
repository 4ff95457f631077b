"""talosctl apply-config."""

from __future__ import annotations

import sys

import click

from talos.talosctl.apply import HowToApply, mode_options, send
from talos.talosctl.options import Command, client_options, insecure_options
from talos.talosctl.session import Answers, Session


@click.command(cls=Command)
@insecure_options
@client_options
@click.option("-f", "--file", "path", default="", metavar="FILE", help="the configuration")
@click.option(
    "-p", "--config-patch", multiple=True, metavar="PATCH", help="patch it before it is sent; @FILE reads one"
)
@mode_options
@click.argument("positional", metavar="[FILE]", default="")
def apply_config(
    session: Session,
    path: str,
    positional: str,
    config_patch: tuple[str, ...],
    how: HowToApply,
) -> None:
    """Give nodes a new configuration.

    A node without configuration takes it with --insecure.
    """
    from talos.talosctl.gen.files import read_file, read_patches

    if how.beyond_talos and session.insecure:
        raise click.UsageError("--confirm-within and --force-guard are for nodes that have a configuration already")
    path = path or positional
    if not path:
        raise click.UsageError("name the configuration with --file")
    text = sys.stdin.read() if path == "-" else read_file(path, "the configuration")
    if not text.strip():
        raise click.ClickException(f"{path} is empty: there is no configuration in it")
    if config_patch:
        from talos.config.errors import ConfigError
        from talos.config.patch import apply_patches_to_text

        try:
            text = apply_patches_to_text(text, read_patches(config_patch, "--config-patch"))
        except ConfigError as error:
            raise click.ClickException(f"{path}: {error}") from error
    data = text.encode() if isinstance(text, str) else text

    async def one(node: str) -> None:
        await send(session, node, data, how)

    answers: Answers[None] = session.run(lambda: session.each(one))
    answers.finish("error applying new configuration on node {node}: {error}")
