"""talosctl completion."""

from __future__ import annotations

from collections.abc import Callable

import click

from talos.talosctl.options import ClientGroup, Command


@click.group(cls=ClientGroup)
def completion() -> None:
    """Print the completion script for a shell: source <(talosctl completion bash).

    It completes commands and flags, and asks the client configuration for nodes and the node for its types.
    """


def _script(shell: str) -> Callable[[bool], None]:
    def show(no_descriptions: bool) -> None:
        from talos.talosctl.commands import talosctl
        from talos.talosctl.shells import script

        print(script(talosctl, shell, descriptions=not no_descriptions))

    show.__doc__ = f"Print the completion script for {_NAMES[shell]}."
    return show


_NAMES = {"bash": "bash", "fish": "fish", "powershell": "PowerShell", "zsh": "zsh"}
for _shell in _NAMES:
    completion.add_command(
        click.command(_shell, cls=Command)(
            click.option("--no-descriptions", is_flag=True, help="only the words, without what they mean")(
                _script(_shell)
            )
        )
    )
