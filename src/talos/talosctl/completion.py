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
        from click.shell_completion import get_completion_class

        from talos.talosctl.commands import talosctl

        kind = get_completion_class(shell)
        assert kind is not None
        print(kind(talosctl, {}, "talosctl", "_TALOSCTL_COMPLETE").source())

    show.__doc__ = f"Print the completion script for {shell}."
    return show


for _shell in ("bash", "fish", "zsh"):
    completion.add_command(
        click.command(_shell, cls=Command)(
            click.option("--no-descriptions", is_flag=True, hidden=True)(_script(_shell))
        )
    )


@completion.command(cls=Command, hidden=True)
@click.option("--no-descriptions", is_flag=True, hidden=True)
def powershell(no_descriptions: bool) -> None:
    """Not there: this version completes in bash, fish and zsh."""
    raise click.ClickException("there is no completion for PowerShell: use bash, fish or zsh")
