"""Moving pods away from a node before it reboots, through the Kubernetes API from here.

The node does so by itself where it shuts down in order; this is for who wants to see that it went well before anything
is rebooted, and for nodes that are to be rebooted one after the other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from talos.kubernetes.client import Client
    from talos.talosctl.session import Session

_NODENAMES = "Nodenames.kubernetes.talos.dev"


async def nodename(session: Session, node: str) -> str:
    """The node's name in Kubernetes. ApiError."""
    from talos.api import cosi_resource_pb2 as pb
    from talos.talosctl.resource_output import spec_of

    reply = await session.call(
        node, "/cosi.resource.State/Get", pb.GetRequest(namespace="k8s", type=_NODENAMES, id="nodename")
    )
    return str(spec_of(reply.resource)["nodename"])


async def drained(client: Client, name: str, timeout_s: float) -> bool:
    """Cordon and drain; whether it took pods before. ClickException if pods are left, and then it takes pods again."""
    from talos.kubernetes.drain import cordon, drain
    from talos.kubernetes.kinds import NODE

    schedulable = not (await client.get(NODE, name)).get("spec", {}).get("unschedulable")
    # Not by the node, which would take pods again at once, because it runs.
    await cordon(client, name, by_node=False)
    left = await drain(client, name, timeout_s)
    if left:
        if schedulable:
            await uncordon(client, name)
        raise click.ClickException(
            f"node {name} was not drained in {timeout_s:.0f} s and is left as it was; still there: {', '.join(left)} "
            "(a disruption budget may hold them: kubectl get pdb -A)"
        )
    return schedulable


async def leave_to_node(client: Client, name: str) -> None:
    """Let the node take pods again by itself, when it has booted."""
    from talos.kubernetes.drain import cordon

    await cordon(client, name)


async def uncordon(client: Client, name: str) -> None:
    """Take pods again."""
    from talos.kubernetes.drain import CORDONED
    from talos.kubernetes.kinds import NODE

    patch = {"metadata": {"annotations": {CORDONED: None}}, "spec": {"unschedulable": None}}
    await client.patch(NODE, name, patch)
