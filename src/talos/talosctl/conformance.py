"""talosctl conformance."""

from __future__ import annotations

import sys

import click

from talos.talosctl.options import ClientGroup, Command, client_options
from talos.talosctl.session import Failed, Session


@click.group(cls=ClientGroup, aliases={"k8s": "kubernetes"})
def conformance() -> None:
    """Run the conformance tests of Kubernetes."""


@conformance.command(cls=Command)
@client_options
@click.option(
    "--mode",
    type=click.Choice(["fast", "certified", "network-policy"]),
    default="fast",
    show_default=True,
    help="which tests: those that share the cluster, all, those of network policies",
)
def kubernetes(session: Session, mode: str) -> None:
    """Run the tests in the cluster, by upstream's image of its version, and show their output.

    The nodes fetch registry.k8s.io/conformance, and what the tests themselves run, from a registry or a mirror of it.
    """
    session.run(lambda: tests(session, mode))


async def tests(session: Session, mode: str) -> None:
    """Run them. ClickException, Failed if one did."""
    from talos.talosctl import e2e
    from talos.talosctl.kubernetes_api import kubernetes as kubernetes_api

    def say(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    async with kubernetes_api(session) as client:
        version = (await client.request("GET", "/version"))["gitVersion"]
        passed = await e2e.run(client, f"{e2e.IMAGE}:{version}", mode, say, lambda line: print(line, flush=True))
    say("the tests passed" if passed else "the tests failed")
    if not passed:
        raise Failed
