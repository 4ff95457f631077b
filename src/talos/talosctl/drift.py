"""talosctl machineconfig drift."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from talos.talosctl.options import Command, client_options
from talos.talosctl.session import Answers, Session

DIFFERENT = 2
"""Exit code when a node runs something else; 1 is an error, as everywhere."""


folder_option = click.option(
    "-f",
    "--folder",
    required=True,
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="folder of configurations, plain or encrypted with SOPS",
)


@click.command(cls=Command)
@client_options
@folder_option
def drift(session: Session, folder: Path) -> None:
    """Compare a folder of configurations with what nodes run.

    A node's file is NODE.yaml, HOSTNAME.yaml, or controlplane.yaml or worker.yaml. Exit code 2: a node runs something
    else; what applying the file would change is printed, secrets redacted.
    """
    from talos.config.config import Config
    from talos.config.drift import drift as compare
    from talos.config.drift import file_for, read
    from talos.config.errors import ConfigError
    from talos.talosctl.patch import current

    async def one(node: str) -> tuple[Path, str]:
        text = await current(session, node)
        try:
            running = Config.decode(text)
        except ConfigError as error:
            raise click.ClickException(f"node {node} runs a configuration that cannot be read: {error}") from error
        try:
            path = file_for(folder, node, running)
            return path, compare(read(path), running, (f"node {node}", str(path)))
        except ConfigError as error:
            raise click.ClickException(str(error)) from error

    answers: Answers[tuple[Path, str]] = session.run(lambda: session.each(one))
    different = False
    for node, (path, text) in answers.good:
        different = different or bool(text)
        print(text, end="")
        print(f"node {node}: {'differs from' if text else 'runs'} {path}", file=sys.stderr)
    answers.finish("error reading the configuration of node {node}: {error}")
    if different:
        click.get_current_context().exit(DIFFERENT)
