"""The steps of replacing an authority, each on every node before the next one begins, each verified.

Stopping anywhere leaves a cluster that works: until the last step both authorities are accepted everywhere.
"""

from __future__ import annotations

import asyncio
import copy
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import click

from talos.talosctl.ca_subjects import TALOS, Document, Subject
from talos.talosctl.patch import current

if TYPE_CHECKING:
    from talos.client import Context
    from talos.pki.certificates import Pair
    from talos.talosctl.session import Session

_MEMBERS = "Members.cluster.talos.dev"
_VERIFY_S = 180.0
_POLL_S = 1.0
_CALL_S = 10.0


class Nodes(NamedTuple):
    """Addresses of a cluster's nodes."""

    control_plane: list[str]
    workers: list[str]

    @property
    def all(self) -> list[str]:
        return [*self.control_plane, *self.workers]


async def discover(session: Session, node: str) -> Nodes:
    """The nodes that a node knows as members of its cluster. ApiError, ClickException."""
    from talos.api import cosi_resource_pb2 as pb
    from talos.talosctl.resource_output import spec_of

    found = Nodes([], [])
    async for reply in session.stream(
        node, "/cosi.resource.State/List", pb.ListRequest(namespace="cluster", type=_MEMBERS)
    ):
        spec = spec_of(reply.resource)
        addresses = spec.get("addresses") or []
        if addresses:
            of_control_plane = spec.get("machineType") in ("controlplane", "init")
            (found.control_plane if of_control_plane else found.workers).append(addresses[0])
    if not found.control_plane:
        raise click.ClickException(
            f"node {node} knows no members of its cluster: name them with --control-plane-nodes and --worker-nodes"
        )
    return found


class Rotation:
    """One authority."""

    def __init__(self, session: Session, nodes: Nodes, subject: Subject, dry_run: bool, k8s_endpoint: str) -> None:
        self._session = session
        self._nodes = nodes
        self._subject = subject
        self._dry_run = dry_run
        self._k8s_endpoint = k8s_endpoint
        self._saved: Path | None = None

    async def run(self, talosconfig: Path | None) -> Session:
        """Replace it; the session to go on with. ClickException tells which node has which state."""
        name = self._subject.name
        print(f"> replacing the {name} authority{' (dry run)' if self._dry_run else ''}")
        old = Document(await self._text(self._nodes.control_plane[0]), self._subject, self._nodes.control_plane[0])
        before, new = old.current(), self._subject.new()
        self._describe("current", before)
        self._describe("new", new)
        sessions = self._sessions(before, new) if self._subject is TALOS else (self._session, self._session)
        mixed, renewed = sessions
        await self._verify("the existing certificates", self._session)
        await self._change(f"the new {name} authority is accepted", self._session, lambda d: d.accept(new.crt))
        await self._verify("a new client certificate, the old server certificates", mixed)

        replaced = {before.crt}

        def issue(document: Document) -> None:
            replaced.add(document.current().crt)  # a run that was interrupted may have left another one here
            document.issue(new)

        def forget(document: Document) -> None:
            for crt in replaced - {new.crt}:
                document.forget(crt)

        if talosconfig is not None and not self._dry_run:
            self._save(renewed.selected(), talosconfig)  # before the first node that takes nothing else
        await self._change(f"the new {name} authority issues, the old one is accepted", mixed, issue)
        await self._verify("the new certificates", renewed)
        await self._change(f"the old {name} authority is accepted no more", renewed, forget)
        await self._verify("the new certificates", renewed)
        return self._session if self._dry_run else renewed

    def _describe(self, which: str, pair: Pair) -> None:
        from talos.pki import certificates

        print(f"> {which} {self._subject.name} authority: SHA-256 {certificates.fingerprint(pair.crt)}")

    def _sessions(self, before: Pair, new: Pair) -> tuple[Session, Session]:
        """With a client certificate of the new authority: trusting both, and trusting the new one only."""
        from talos.pki import certificates

        own = self._session.selected()
        roles = certificates.organizations(own.crt) or ["os:admin"]
        client = certificates.api_client(new, roles)
        mixed, renewed = copy.copy(own), copy.copy(own)
        mixed.crt = renewed.crt = client.crt
        mixed.key = renewed.key = client.key
        mixed.ca, renewed.ca = before.crt + b"\n" + new.crt, new.crt
        return self._with(mixed), self._with(renewed)

    def _with(self, context: Context) -> Session:
        return self._session.with_context(context, self._nodes.all)

    def _save(self, context: Context, path: Path) -> None:
        from talos.client import TalosConfig

        config = TalosConfig(context="rotated", contexts={"rotated": context})
        config.save(path)
        self._saved = path
        print(f"> the new client configuration is in {path}")

    async def _text(self, node: str) -> str:
        return await current(self._session, node)

    async def _change(self, what: str, session: Session, change: Callable[[Document], None]) -> None:
        from talos.client import ApiError
        from talos.talosctl.apply import HowToApply, send

        print(f"> {what}")
        for node in self._nodes.all:
            if self._dry_run:
                print(f"  - {node}: left out (dry run)")
                continue

            async def apply(node: str = node) -> None:
                document = Document(await current(session, node), self._subject, node)
                change(document)
                await send(session, node, document.text().encode(), HowToApply("no-reboot"))

            try:
                await _patiently(session, apply)
            except (ApiError, TimeoutError) as error:
                saved = f" with --talosconfig {self._saved}" if self._saved else ""
                raise click.ClickException(
                    f"error changing node {node}: {error}; every node accepts both authorities or still the old one, "
                    f"the cluster works: find the cause and run the command again{saved}"
                ) from error
            print(f"  - {node}: done", flush=True)

    async def _verify(self, what: str, session: Session) -> None:
        """Every node answers, within the time that its services need to take certificates over."""
        print(f"> verifying with {what}")
        for node in self._nodes.all:
            if self._dry_run and session is not self._session:
                print(f"  - {node}: left out (dry run)")
                continue
            await self._until_answered(session, node)
            print(f"  - {node}: OK", flush=True)
        if self._subject is not TALOS and not self._dry_run:
            await self._kubernetes_answers(session)

    async def _until_answered(self, session: Session, node: str) -> None:
        from talos.client import ApiError

        async def ask() -> None:
            await session.call(node, "/machine.MachineService/Version", timeout=_CALL_S)

        try:
            await _patiently(session, ask)
        except ApiError as error:
            raise click.ClickException(
                f"node {node} does not answer with these certificates after {_VERIFY_S:.0f} s, nothing further was "
                f"changed: {error}"
            ) from error

    async def _kubernetes_answers(self, session: Session) -> None:
        """The API server can be reached with a kubeconfig of now, and every kubelet has reached it since."""
        from talos.kubernetes.errors import ApiError, ConnectError
        from talos.kubernetes.kinds import NODE, Kind
        from talos.talosctl.kubernetes_api import kubernetes

        lease_kind = Kind("coordination.k8s.io/v1", "Lease", "leases", True)
        last, begun = "nothing was asked yet", datetime.now(UTC)
        try:
            async with asyncio.timeout(_VERIFY_S):
                while True:
                    try:
                        async with kubernetes(session, self._k8s_endpoint) as client:
                            items, _ = await client.list(NODE)
                            leases, _ = await client.list(lease_kind, "kube-node-lease")
                        alive = {lease["metadata"]["name"] for lease in leases if _renewed(lease) > begun}
                        silent = [n for n in (i["metadata"]["name"] for i in items if _ready(i)) if n not in alive]
                        silent += [i["metadata"]["name"] for i in items if not _ready(i)]
                        if items and not silent:
                            print(f"  - Kubernetes: OK, {len(items)} nodes ready", flush=True)
                            return
                        last = f"nothing was heard of {', '.join(silent)} since then"
                    except (ApiError, ConnectError, OSError) as error:
                        last = str(error)
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise click.ClickException(
                f"Kubernetes does not work with these certificates after {_VERIFY_S:.0f} s, nothing further was "
                f"changed: {last}"
            ) from None


async def _patiently(session: Session, ask: Callable[[], Awaitable[None]]) -> None:
    """Do it, again while a node cannot be reached: its services take new certificates over. ApiError in the end."""
    from grpclib.const import Status

    from talos.client import ApiError

    deadline = asyncio.get_running_loop().time() + _VERIFY_S
    while True:
        try:
            return await ask()
        except ApiError as error:
            lost = error.status in (Status.UNAVAILABLE, Status.DEADLINE_EXCEEDED)
            if not lost or asyncio.get_running_loop().time() > deadline:
                raise
            session.reconnect()  # the next connection meets the new certificate
            await asyncio.sleep(_POLL_S)


def _renewed(lease: dict[str, dict[str, str]]) -> datetime:
    return datetime.fromisoformat(lease["spec"]["renewTime"])


def _ready(node: dict[str, dict[str, list[dict[str, str]]]]) -> bool:
    return any(c["type"] == "Ready" and c["status"] == "True" for c in node["status"].get("conditions", []))
