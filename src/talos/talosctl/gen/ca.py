"""talosctl gen ca."""

from __future__ import annotations

import click

from talos.talosctl.gen.files import force_option, forced, write_files
from talos.talosctl.options import Command


@click.command(cls=Command)
@click.option("--organization", required=True, metavar="NAME", help="organization in the subject; names the files")
@click.option("--hours", type=click.IntRange(1), default=87600, show_default=True, help="validity")
@click.option("--rsa", is_flag=True, help="an RSA key instead of Ed25519")
@force_option
def ca(organization: str, hours: int, rsa: bool, force: bool) -> None:
    """Make a certificate authority: NAME.crt, NAME.key and NAME.sha256 (of its public key, as `kubeadm join
    --discovery-token-ca-cert-hash` takes it) in this folder."""
    from base64 import b64decode
    from datetime import timedelta

    from talos.pki import certificates
    from talos.pki.keys import Algorithm, PKIError

    try:
        pair = certificates.new_authority(
            organization,
            algorithm=Algorithm.RSA_4096 if rsa else Algorithm.ED25519,
            validity=timedelta(hours=hours),
        )
    except (PKIError, OverflowError) as error:
        raise click.ClickException(f"cannot make the authority: {error}") from error
    digest = b64decode(certificates.fingerprint(pair.crt)).hex()
    write_files(
        {
            f"{organization}.crt": (pair.crt, 0o644),
            f"{organization}.sha256": (f"sha256:{digest}", 0o644),
            f"{organization}.key": (pair.key, 0o600),
        },
        force=forced(force),
    )
