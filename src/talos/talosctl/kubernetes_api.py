"""The Kubernetes API behind the nodes that a command speaks to, with the administrator's kubeconfig that they give."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import click

from talos.talosctl.kubeconfig import unpack

if TYPE_CHECKING:
    from talos.kubernetes.client import Client
    from talos.talosctl.session import Session


@asynccontextmanager
async def kubernetes(session: Session, endpoint: str = "") -> AsyncIterator[Client]:
    """The Kubernetes API of the cluster, as its administrator; at `endpoint` instead of the kubeconfig's server.
    ClickException if it cannot be had."""
    from talos.client import ApiError
    from talos.kubernetes.client import Client

    node = session.targets()[0]
    try:
        # The endpoint answers, which is a control plane node; the node itself may be a worker and has no kubeconfig.
        chunks = [chunk.bytes async for chunk in session.client(node).stream("/machine.MachineService/Kubeconfig")]
    except ApiError as error:
        raise click.ClickException(f"error fetching a kubeconfig: {error}") from error
    text = unpack(b"".join(chunks))
    if endpoint:
        import yaml

        document = yaml.safe_load(text)
        for entry in document["clusters"]:
            entry["cluster"]["server"] = endpoint
        text = yaml.safe_dump(document)
    async with Client.from_kubeconfig(text) as client:
        yield client
