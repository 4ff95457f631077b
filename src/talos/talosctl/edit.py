"""talosctl edit machineconfig."""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

import click

from talos.talosctl.apply import HowToApply, mode_options, send
from talos.talosctl.options import Command, client_options
from talos.talosctl.patch import ID, check_kind, current
from talos.talosctl.session import Session

_NOTE = "# "


@click.command(cls=Command)
@client_options
@click.option("--namespace", default="", hidden=True)
@mode_options
@click.argument("kind", metavar="machineconfig")
@click.argument("resource_id", metavar="[ID]", default=ID)
def edit(session: Session, kind: str, resource_id: str, namespace: str, how: HowToApply) -> None:
    """Edit the configuration of one node after another; an editor that changes nothing applies nothing."""
    check_kind(kind)
    from talos.client import ApiError

    async def main() -> None:
        for node in session.targets():
            original = text = await current(session, node, resource_id)
            problem = ""
            while True:
                edited = await asyncio.to_thread(_edit, text, node, problem)
                if problem and edited.strip() in ("", text.strip()):
                    raise click.ClickException(f"node {node}: nothing was applied: {problem}")
                if edited.strip() in ("", original.strip()):
                    print(f"node {node}: nothing changed", file=sys.stderr)
                    break
                try:
                    await send(session, node, edited.encode(), how)
                    break
                except ApiError as error:
                    text, problem = edited, str(error)

    session.run(main)


def _edit(text: str, node: str, problem: str) -> str:
    """What the editor leaves of the text; `problem` is shown above it."""
    editor = os.environ.get("TALOS_EDITOR") or os.environ.get("EDITOR") or os.environ.get("VISUAL") or "vi"
    head = [f"{_NOTE}configuration of node {node}; these lines are dropped\n"]
    head += [f"{_NOTE}{line}\n" for line in problem.splitlines()]
    with tempfile.NamedTemporaryFile("w", suffix=".yaml", prefix=f"{node.replace(':', '-')}-", delete=False) as file:
        file.write("".join(head) + text)
    path = Path(file.name)
    try:
        subprocess.run([*shlex.split(editor), str(path)], check=True)
        return _without(head, path.read_text())
    except FileNotFoundError:
        raise click.ClickException(f"there is no editor {editor!r}: set EDITOR") from None
    except subprocess.CalledProcessError as error:
        raise click.ClickException(f"the editor ended with status {error.returncode}: nothing was applied") from error
    finally:
        path.unlink()


def _without(head: list[str], text: str) -> str:
    """The text without our own lines at its top; comments of the configuration stay."""
    lines = text.splitlines(keepends=True)
    while lines and lines[0] in head:
        lines.pop(0)
    return "".join(lines)
