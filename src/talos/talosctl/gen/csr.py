"""talosctl gen csr."""

from __future__ import annotations

from ipaddress import ip_address

import click

from talos.talosctl.gen.files import force_option, forced, read_file, write_files
from talos.talosctl.options import Command, ListOption


@click.command(cls=Command)
@click.option("--key", required=True, metavar="FILE", help="private key")
@click.option("--ip", required=True, metavar="ADDRESS", help="address in the certificate")
@click.option("--roles", cls=ListOption, default=["os:admin"], metavar="ROLE,...", help="roles (default os:admin)")
@force_option
def csr(key: str, ip: str, roles: list[str], force: bool) -> None:
    """Make a certificate request for a private key: the key's file name, with the suffix .csr for its own."""
    from pathlib import Path

    from talos.pki import requests
    from talos.pki.keys import PKIError
    from talos.rbac import KNOWN

    roles = roles or ["os:admin"]
    if unknown := [r for r in roles if r not in KNOWN]:
        raise click.UsageError(f"--roles: unknown {', '.join(unknown)}; known are {', '.join(sorted(KNOWN))}")
    try:
        ip_address(ip)
    except ValueError:
        raise click.UsageError(f"--ip {ip} is no IP address") from None
    try:
        request = requests.new_request(read_file(key, "the key"), organizations=roles, ip_addresses=[ip])
    except PKIError as error:
        raise click.ClickException(f"--key {key}: {error}") from error
    write_files({str(Path(key).with_suffix(".csr")): (request, 0o644)}, force=forced(force))
