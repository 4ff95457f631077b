"""talosctl gen keypair."""

from __future__ import annotations

from ipaddress import ip_address

import click

from talos.talosctl.gen.files import force_option, forced, write_files
from talos.talosctl.options import Command


@click.command(cls=Command)
@click.option("--organization", required=True, metavar="NAME", help="organization in the subject; names the files")
@click.option("--ip", default="", metavar="ADDRESS", help="address in the certificate")
@force_option
def keypair(organization: str, ip: str, force: bool) -> None:
    """Make a certificate that is its own authority, with its key: NAME.crt and NAME.key in this folder."""
    from talos.pki import certificates
    from talos.pki.keys import PKIError

    try:
        addresses = [str(ip_address(ip))] if ip else []
    except ValueError:
        raise click.UsageError(f"--ip {ip} is no IP address") from None
    try:
        pair = certificates.new_authority(organization, ip_addresses=addresses)
    except PKIError as error:
        raise click.ClickException(f"cannot make the certificate: {error}") from error
    write_files(
        {f"{organization}.crt": (pair.crt, 0o644), f"{organization}.key": (pair.key, 0o600)}, force=forced(force)
    )
