"""talosctl docs: the reference of commands and of configuration documents, written into a folder."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from talos.talosctl.options import Command


@click.command("docs", cls=Command, hidden=True)
@click.option("--cli", is_flag=True, help="only the commands")
@click.option("--config", is_flag=True, help="only the documents of the configuration")
@click.argument("output", metavar="FOLDER")
def docs(output: str, cli: bool, config: bool) -> None:
    """Write the reference as Markdown: cli.md, and a page for each kind of document below config."""
    pages: dict[str, str] = {}
    if cli or not config:
        pages["cli.md"] = "\n".join(["# talosctl\n", *_commands()])
    if config or not cli:
        pages.update((f"config/{name}", text) for name, text in _documents())
    root = Path(output)
    try:
        for name, text in pages.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
    except OSError as error:
        raise click.ClickException(f"cannot write to {root}: {error.strerror or error}") from error
    print(f"{len(pages)} pages written to {root}", file=sys.stderr)


def _commands() -> Iterator[str]:
    """Help of every command that help lists, in its order."""
    from talos.talosctl.commands import talosctl

    def walk(command: click.Command, parent: click.Context | None, name: str) -> Iterator[str]:
        context = click.Context(command, parent=parent, info_name=name, max_content_width=100)
        yield f"## {context.command_path}\n\n```\n{command.get_help(context)}\n```\n"
        if isinstance(command, click.Group):
            for child in command.list_commands(context):
                found = command.get_command(context, child)
                if found is not None and not found.hidden:
                    yield from walk(found, context, child)

    yield from walk(talosctl, None, "talosctl")


def _documents() -> Iterator[tuple[str, str]]:
    from talos.config import kinds
    from talos.config.carried_out_table import NOT_CARRIED_OUT
    from talos.config.reference.pages import page, table
    from talos.config.reference.readers import at_boot

    yield "README.md", table(NOT_CARRIED_OUT)
    for kind in kinds.MODULES:
        yield f"{kind}.md", page(kind, NOT_CARRIED_OUT.get(kind, ()), at_boot(kind))
