"""talosctl config new: a client configuration with other roles, signed by the cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from talos.talosctl.options import DURATION, Command, ListOption, client_options
from talos.talosctl.session import Session

if TYPE_CHECKING:
    from talos.client import TalosConfig


@click.command(cls=Command)
@client_options
@click.option(
    "--roles", cls=ListOption, default=["os:admin"], metavar="ROLE,...", help="roles of the new configuration"
)
@click.option("--crt-ttl", type=DURATION, default="8760h0m0s", help="how long its certificate is valid")
@click.option("--name", default="", help="whose it is: stands in the certificate, in the audit log and in grants")
@click.argument("path", metavar="[FILE]", default="talosconfig")
def new(session: Session, path: str, roles: list[str], crt_ttl: float, name: str) -> None:
    """Write a client configuration with a new certificate."""
    from talos import rbac
    from talos.client import ApiError

    unknown = sorted(set(roles) - (rbac.KNOWN - {rbac.IMPERSONATOR}))
    if unknown:
        raise click.UsageError(
            f"there is no role {', '.join(unknown)}; there are {', '.join(sorted(rbac.KNOWN - {rbac.IMPERSONATOR}))}"
        )
    if Path(path).exists():
        raise click.ClickException(f"{path} exists already: name another file")
    (node,) = session.targets(exactly_one=True, command="config new")
    make = _with_name if name else _without_name
    try:
        made = make(session, node, roles, int(crt_ttl * 1e9), name)
    except ApiError as error:
        raise click.ClickException(f"error making the configuration on node {node}: {error}") from error
    context = made.select()
    own = session.selected()
    context.endpoints, context.nodes = list(session.endpoints or own.endpoints), list(own.nodes)
    made.save(Path(path))


def _without_name(session: Session, node: str, roles: list[str], ttl_ns: int, _name: str) -> TalosConfig:
    """As Talos makes it. ApiError."""
    from talos.api import machine_pb2
    from talos.client import TalosConfig

    request = machine_pb2.GenerateClientConfigurationRequest(roles=roles)
    request.crt_ttl.FromNanoseconds(ttl_ns)
    reply: Any = session.run(lambda: session.call(node, "/machine.MachineService/GenerateClientConfiguration", request))
    return TalosConfig.parse(reply.messages[0].talosconfig.decode(), f"the answer of node {node}")


def _with_name(session: Session, node: str, roles: list[str], ttl_ns: int, name: str) -> TalosConfig:
    """With a person's name, which Talos' own request has no field for. The key stays here. ApiError."""
    from talos.api import pytalos_access_pb2 as pb
    from talos.client import Context, TalosConfig
    from talos.pki import keys
    from talos.pki.requests import new_request

    key = keys.encode(keys.generate(keys.Algorithm.ED25519))
    request = pb.IssueRequest(csr=new_request(key), name=name, roles=roles)
    request.crt_ttl.FromNanoseconds(ttl_ns)
    reply: Any = session.run(lambda: session.call(node, "/pytalos.access.AccessService/Issue", request))
    cluster = reply.cluster_name or "default"
    return TalosConfig(cluster, {cluster: Context(ca=reply.ca, crt=reply.crt, key=key)})
