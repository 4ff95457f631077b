"""talosctl machineconfig: machine configurations in files and their history on nodes."""

from __future__ import annotations

import click

from talos.talosctl.gen.config import config as gen_config
from talos.talosctl.gen.files import read_file, read_patches, write_files
from talos.talosctl.options import ClientGroup, Command, Entry

_ENTRIES = {
    "confirm": Entry("machineconfig_confirm:confirm", "Keep what was applied with --confirm-within"),
    "diff": Entry("machineconfig_diff:diff", "Compare two generations of a node's configuration"),
    "drift": Entry("drift:drift", "Compare files with what nodes run"),
    "history": Entry("machineconfig_history:history", "List what nodes were given, when and by whom"),
    "restore": Entry("machineconfig_restore:restore", "Apply a generation once more"),
    "sync": Entry("machineconfig_sync:sync", "Apply a folder node by node, stop at the first that is not healthy"),
}


@click.group(cls=ClientGroup, entries=_ENTRIES)
def machineconfig() -> None:
    """Make and patch machine configurations in files, compare and synchronize files with nodes, look at and restore
    what nodes ran before."""


machineconfig.add_command(gen_config, "gen")


@machineconfig.command(cls=Command)
@click.argument("machineconfig_file", metavar="<machineconfig-file>")
@click.option("-p", "--patch", "patches", multiple=True, metavar="PATCH", help="patch; @FILE reads it")
@click.option("-o", "--output", default="", metavar="FILE", help="where to write the result (default: print it)")
def patch(machineconfig_file: str, patches: tuple[str, ...], output: str) -> None:
    """Apply patches to a machine configuration in a file.

    A patch is a piece of configuration that is merged, or a JSON patch (RFC 6902) for configurations of one document.
    """
    from talos.config.errors import ConfigError
    from talos.config.patch import apply_patches_to_text

    try:
        text = apply_patches_to_text(
            read_file(machineconfig_file, "the machine configuration"), read_patches(patches, "--patch")
        )
    except ConfigError as error:
        raise click.ClickException(f"{machineconfig_file}: {error}") from error
    write_files({output or "-": (text, 0o644)}, force=True)
