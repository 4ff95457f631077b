"""talosctl support."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from talos.talosctl.options import Command, client_options, insecure_options
from talos.talosctl.session import Session


@click.command(cls=Command)
@insecure_options
@client_options
@click.option("-O", "--output", default="", metavar="FILE", help="the bundle [default: support.zip, support.zip.age]")
@click.option("-w", "--num-workers", type=click.IntRange(1), default=1, help="questions asked of each node at once")
@click.option("-v", "--verbose", is_flag=True, help="say what is being collected")
@click.option(
    "--encryption-recipients", multiple=True, metavar="age1...", help="encrypt it for these (age); may be repeated"
)
@click.option("--encryption-no-default-recipients", is_flag=True, hidden=True)
@click.option("--no-encryption", is_flag=True, help="a plain archive, as without recipients")
def support(
    session: Session,
    output: str,
    num_workers: int,
    verbose: bool,
    no_encryption: bool,
    encryption_recipients: tuple[str, ...],
    encryption_no_default_recipients: bool,
) -> None:
    """Collect what one needs to find a fault into one archive: logs, resources, state of services, of each node.

    Secrets are left out: resources that hold them are not asked for, and keys and tokens in text are made unreadable.
    """
    from talos.talosctl.age import RecipientError, recipient
    from talos.talosctl.support_bundle import Bundle

    del encryption_no_default_recipients  # Talos encrypts for its makers by default; nobody can read ours but you
    if no_encryption and encryption_recipients:
        raise click.UsageError("--no-encryption and --encryption-recipients exclude one another")
    try:
        recipients = [recipient(text) for text in encryption_recipients]
    except RecipientError as error:
        raise click.UsageError(f"--encryption-recipients: {error}") from error
    target = Path(output or ("support.zip.age" if recipients else "support.zip"))
    if target.exists() and not click.confirm(f"{target} exists already: replace it?", err=True):
        raise click.ClickException(f"{target} was left as it is: name another file with --output")
    bundle = Bundle(session, num_workers, verbose)
    session.run(bundle.collect)
    bundle.write(target, recipients)
    print(
        f"support bundle of {len(bundle.nodes)} nodes written to {target} ({len(bundle.files)} files)", file=sys.stderr
    )
    if bundle.problems:
        print(
            f"{len(bundle.problems)} things could not be collected, problems.txt in the bundle lists them",
            file=sys.stderr,
        )
