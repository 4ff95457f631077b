"""talosctl validate."""

from __future__ import annotations

import click

from talos.talosctl.gen.files import read_file
from talos.talosctl.options import Command


@click.command(cls=Command)
@click.option("-c", "--config", "path", default="", metavar="FILE", help="machine configuration")
@click.option("-m", "--mode", required=True, metavar="MODE", help="kind of machine: metal, cloud or container")
@click.option("--strict", is_flag=True, help="what works but should be changed is an error")
def validate(path: str, mode: str, strict: bool) -> None:
    """Check a machine configuration for a kind of machine."""
    from talos.config.config import Config
    from talos.config.errors import ConfigError
    from talos.config.validate import MODES
    from talos.config.validate import validate as check

    if mode not in MODES:
        raise click.UsageError(f"--mode {mode} is unknown; use one of {', '.join(MODES)}")
    if not path:
        raise click.UsageError("--config FILE is required")
    try:
        for warning in check(Config.decode(read_file(path, "the machine configuration")), mode, strict=strict):
            click.echo(f"warning: {warning}", err=True)
    except ConfigError as error:
        problems = "\n".join(f"  * {p}" for p in error.problems)
        raise click.ClickException(f"{path} is not valid for {mode} mode:\n{problems}") from error
    click.echo(f"{path} is valid for {mode} mode")
