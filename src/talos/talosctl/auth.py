"""talosctl auth: who one is for the nodes, what one may do, and why."""

from __future__ import annotations

import json
from typing import Any

import click

from talos.talosctl.options import ClientGroup, Command, ListOption, client_options
from talos.talosctl.session import Answers, Failed, Session

EXPLAIN = "/pytalos.access.AccessService/Explain"


@click.group(cls=ClientGroup)
def auth() -> None:
    """What a certificate may do, and why."""


def _subject(command: Any) -> Any:
    options = [
        click.option("--resource", default="", metavar="TYPE", help="for get, list and watch: of this resource type"),
        click.option("--namespace", default="", help="namespace of the resource (default: that of the type)"),
        click.option("--name", default="", help="somebody else: the name in the certificate (needs os:admin)"),
        click.option("--roles", cls=ListOption, metavar="ROLE,...", help="somebody else's roles"),
        click.option("-o", "--output", type=click.Choice(["text", "json"]), default="text", help="text or json"),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@auth.command("can-i", cls=Command)
@client_options
@_subject
@click.argument("method")
def can_i(session: Session, method: str, output: str, **asked: Any) -> None:
    """Say yes or no; the exit code says it too.

    METHOD is a name such as Reboot, or a whole path such as /machine.MachineService/Reboot.
    """
    answers = _ask(session, method, **asked)
    for node, answer in answers.good:
        if output == "json":
            print(json.dumps(_plain(node, answer)))
        else:
            verdict = "yes" if answer.allowed else f"no: {answer.reason}"
            print(verdict if len(answers.good) == 1 else f"{node}: {verdict}")
    answers.finish()
    if not all(answer.allowed for _, answer in answers.good):
        raise Failed


@auth.command("why", cls=Command)
@client_options
@_subject
@click.argument("method")
def why(session: Session, method: str, output: str, **asked: Any) -> None:
    """Show how the decision about a method is reached."""
    answers = _ask(session, method, **asked)
    for node, answer in answers.good:
        if output == "json":
            print(json.dumps(_plain(node, answer)))
            continue
        who = answer.name or "a certificate without a name"
        print(f"{node}: {who}, {', '.join(answer.roles) or 'no role'}: {answer.method}")
        for step in answer.steps:
            print(f"  {step}")
        print("  allowed" if answer.allowed else f"  refused: {answer.reason}")
    answers.finish()


def _plain(node: str, answer: Any) -> dict[str, Any]:
    return {
        "node": node,
        "method": answer.method,
        "allowed": answer.allowed,
        "reason": answer.reason,
        "steps": list(answer.steps),
        "name": answer.name,
        "roles": list(answer.roles),
        "fingerprint": answer.fingerprint,
    }


def _ask(session: Session, method: str, resource: str, namespace: str, name: str, roles: list[str]) -> Answers[Any]:
    from talos.api import pytalos_access_pb2 as pb

    async def ask(node: str) -> Any:
        request = pb.ExplainRequest(method=method, name=name, roles=roles, resource_namespace=namespace)
        if resource:
            from talos.talosctl.definitions import all_definitions, choose

            found = choose(await all_definitions(session, node), resource)
            request.resource_type, request.resource_namespace = found.type, namespace or found.namespace
        return await session.call(node, EXPLAIN, request)

    return session.run(lambda: session.each(ask))
