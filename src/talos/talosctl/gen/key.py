"""talosctl gen key."""

from __future__ import annotations

import click

from talos.talosctl.gen.files import force_option, forced, write_files
from talos.talosctl.options import Command


@click.command(cls=Command)
@click.option("--name", required=True, metavar="NAME", help="names the file")
@force_option
def key(name: str, force: bool) -> None:
    """Make an Ed25519 private key: NAME.key in this folder."""
    from talos.pki import keys

    write_files({f"{name}.key": (keys.encode(keys.generate(keys.Algorithm.ED25519)), 0o600)}, force=forced(force))
