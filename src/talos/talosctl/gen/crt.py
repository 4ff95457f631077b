"""talosctl gen crt."""

from __future__ import annotations

import click

from talos.talosctl.gen.files import force_option, forced, read_file, write_files
from talos.talosctl.options import Command


@click.command(cls=Command)
@click.option("--ca", required=True, metavar="NAME", help="authority: NAME.crt and NAME.key")
@click.option("--csr", required=True, metavar="FILE", help="certificate request (.csr may be left out)")
@click.option("--name", required=True, metavar="NAME", help="names the file")
@click.option("--hours", type=click.IntRange(1), default=24, show_default=True, help="validity")
@force_option
def crt(ca: str, csr: str, name: str, hours: int, force: bool) -> None:
    """Sign a certificate request for a client of the API: NAME.crt in this folder."""
    from datetime import timedelta
    from pathlib import Path

    from talos.pki import requests
    from talos.pki.certificates import Pair, Usage
    from talos.pki.keys import PKIError

    authority = Pair(read_file(f"{ca}.crt", "the authority"), read_file(f"{ca}.key", "the authority's key"))
    request = read_file(csr if csr.endswith(".csr") or Path(csr).is_file() else f"{csr}.csr", "the request")
    try:
        certificate = requests.sign_request(
            authority,
            request,
            usage=Usage.CLIENT,  # and nothing else: the API takes no other
            organizations=None,
            validity=timedelta(hours=hours),
        )
    except (PKIError, OverflowError) as error:
        raise click.ClickException(f"cannot sign {csr}: {error}") from error
    write_files({f"{name}.crt": (certificate, 0o644)}, force=forced(force))
