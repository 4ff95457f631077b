"""talosctl health."""

from __future__ import annotations

import sys

import click

from talos.talosctl.options import DURATION, Command, ListOption, client_options
from talos.talosctl.session import Answers, Session


@click.command(cls=Command)
@client_options
@click.option("--control-plane-nodes", cls=ListOption, metavar="ADDRESS,...", help="addresses of control plane nodes")
@click.option("--worker-nodes", cls=ListOption, metavar="ADDRESS,...", help="addresses of workers")
@click.option("--init-node", default="", hidden=True)
@click.option("--k8s-endpoint", default="", metavar="URL", help="use this Kubernetes endpoint, not the configured one")
@click.option("--wait-timeout", type=DURATION, default="20m0s", help="give up after (default: 20m)")
@click.option("--server/--no-server", default=True, help="let the node run the checks (default), not this machine")
@click.option("--run-e2e", is_flag=True, help="run Kubernetes' end-to-end tests as well")
def health(
    session: Session,
    control_plane_nodes: list[str],
    worker_nodes: list[str],
    init_node: str,
    k8s_endpoint: str,
    wait_timeout: float,
    server: bool,
    run_e2e: bool,
) -> None:
    """Check the health of a cluster: waits until every check passes."""
    from talos.api import cluster_pb2

    nodes = session.targets()
    if init_node:
        control_plane_nodes = [init_node, *control_plane_nodes]
    if not server:
        from talos.talosctl.health_here import check

        session.run(lambda: check(session, control_plane_nodes, worker_nodes, k8s_endpoint, wait_timeout))
        _then(session, run_e2e)
        return
    request = cluster_pb2.HealthCheckRequest(
        cluster_info=cluster_pb2.ClusterInfo(
            control_plane_nodes=control_plane_nodes, worker_nodes=worker_nodes, force_endpoint=k8s_endpoint
        )
    )
    request.wait_timeout.FromNanoseconds(int(wait_timeout * 1e9))

    async def one(node: str) -> None:
        prefix = f"{node}: " if len(nodes) > 1 else ""
        async for progress in session.stream(node, "/cluster.ClusterService/HealthCheck", request):
            if progress.metadata.error:
                raise click.ClickException(f"error from node {node}: {progress.metadata.error}")
            print(f"{prefix}{progress.message}", file=sys.stderr, flush=True)

    answers: Answers[None] = session.run(lambda: session.each(one))
    answers.finish()
    _then(session, run_e2e)


def _then(session: Session, run_e2e: bool) -> None:
    """A healthy cluster is tested further, if that was asked for."""
    if run_e2e:
        from talos.talosctl.conformance import tests

        session.run(lambda: tests(session, "fast"))
