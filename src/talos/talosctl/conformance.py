"""talosctl conformance."""

from __future__ import annotations

import click

from talos.talosctl.options import ClientGroup, Command, client_options
from talos.talosctl.session import Session


@click.group(cls=ClientGroup, aliases={"k8s": "kubernetes"})
def conformance() -> None:
    """Run the conformance tests of Kubernetes."""


@conformance.command(cls=Command)
@client_options
@click.option(
    "--mode", type=click.Choice(["fast", "certified", "network-policy"]), default="fast", help="which tests to run"
)
def kubernetes(session: Session, mode: str) -> None:
    """Not carried out here: it says what runs them."""
    del session
    raise click.ClickException(
        f"talosctl runs no conformance tests ({mode}): `make conformance` of the source does against a local cluster, "
        "hydrophone or sonobuoy against any other (talosctl kubeconfig fetches the access)"
    )
