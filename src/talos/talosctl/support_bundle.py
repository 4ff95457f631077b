"""What goes into a support bundle, and what is made unreadable in it.

The archive's layout is the one that people who read such bundles know: a folder a node with logs, resources and the
state of services, and one of Kubernetes' own view.
"""

from __future__ import annotations

import asyncio
import io
import re
import sys
import zipfile
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from talos.talosctl.age import encrypt

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

    from talos.talosctl.definitions import Definition
    from talos.talosctl.session import Session

_LOG_LINES = 10_000
_PRIVATE = re.compile(r"-----BEGIN ([A-Z0-9 ]*PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)
_BASE64_PRIVATE = re.compile(r"LS0tLS1CRUdJTi[A-Za-z0-9+/]*[=]{0,2}")
"""base64 that begins like a PEM block: a key or a certificate, and telling them apart is not worth a leak"""
_TOKEN = re.compile(r"\b[a-z0-9]{6}\.[a-z0-9]{16}\b")
_FIELD = re.compile(
    r"^(\s*(?:- )?[\"']?(?:\w*secret|\w*token|\w*password|passphrase|\w*privateKey|\w*psk|presharedKey)[\"']?:[ \t]+)"
    r"(\S.*)$",
    re.IGNORECASE | re.MULTILINE,
)
REMOVED = "<removed>"


def without_secrets(text: str) -> str:
    """Text in which private keys, tokens and values of fields named like secrets are unreadable."""
    text = _PRIVATE.sub(REMOVED, text)
    text = _BASE64_PRIVATE.sub(REMOVED, text)
    text = _TOKEN.sub(REMOVED, text)
    return _FIELD.sub(rf"\g<1>{REMOVED}", text)


class Bundle:
    """Collects into memory; what fails is a line in problems.txt and no reason to stop."""

    def __init__(self, session: Session, at_once: int, verbose: bool) -> None:
        self._session = session
        self._at_once = at_once
        self._verbose = verbose
        self.nodes = session.targets()
        self.files: dict[str, str] = {}
        self.problems: list[str] = []

    async def collect(self) -> None:
        await asyncio.gather(*(self._node(node) for node in self.nodes))
        if not self._session.insecure:
            await self._try("kubernetesResources", self._kubernetes)

    def write(self, target: Path, recipients: Sequence[X25519PublicKey] = ()) -> None:
        """The archive, at once or not at all, for its owner alone; encrypted if there are recipients."""
        partial = target.with_name(f".{target.name}.part")
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, text in sorted(self.files.items()):
                archive.writestr(name, without_secrets(text))
            if self.problems:
                archive.writestr("problems.txt", "\n".join(self.problems) + "\n")
        try:
            partial.touch(0o600)
            with partial.open("wb") as file:
                file.writelines(encrypt(made.getvalue(), recipients) if recipients else [made.getvalue()])
            partial.replace(target)
        finally:
            partial.unlink(missing_ok=True)

    async def _try(self, name: str, ask: Callable[[], Awaitable[str | None]]) -> None:
        if self._verbose:
            print(f"collecting {name}", file=sys.stderr, flush=True)
        try:
            text = await ask()
        except Exception as error:
            self.problems.append(f"{name}: {error}")
        else:
            if text is not None:
                self.files[name] = text

    async def _node(self, node: str) -> None:
        limit = asyncio.Semaphore(self._at_once)

        async def one(name: str, ask: Callable[[], Awaitable[str | None]]) -> None:
            async with limit:
                await self._try(f"{node}/{name}", ask)

        from talos.api import machine_pb2

        simple = {
            "summary": "/machine.MachineService/Version",
            "mounts": "/machine.MachineService/Mounts",
            "io": "/machine.MachineService/DiskStats",
            "memory": "/machine.MachineService/Memory",
            "processes": "/machine.MachineService/Processes",
        }
        jobs = [one(name, lambda path=path: self._plain(node, path)) for name, path in simple.items()]  # type: ignore[misc]
        jobs.append(one("dmesg.log", lambda: self._text(node, "/machine.MachineService/Dmesg", None)))
        jobs.append(one("devices", lambda: self._read(node, "/proc/bus/pci/devices")))
        for service in ("controller-runtime", "dns-resolve-cache"):
            jobs.append(one(f"{service}.log", lambda s=service: self._log(node, s)))  # type: ignore[misc]
        await asyncio.gather(*jobs)

        async def services() -> None:
            reply = await self._session.call(node, "/machine.MachineService/ServiceList")
            for message in reply.messages:
                for info in message.services:
                    self.files[f"{node}/service-logs/{info.id}.state"] = _yaml(info)
                    await one(f"service-logs/{info.id}.log", lambda i=info.id: self._log(node, i))  # type: ignore[misc]

        async def containers() -> None:
            from talos.api import common_pb2

            request = machine_pb2.ContainersRequest(namespace="k8s.io", driver=common_pb2.CRI)
            reply = await self._session.call(node, "/machine.MachineService/Containers", request)
            for message in reply.messages:
                for container in message.containers:
                    if container.id == container.pod_id or not container.pod_id.startswith("kube-system/"):
                        continue
                    exited = "" if container.pid else "-exited"
                    name = f"kubernetes-logs/{container.pod_id}-{container.name}{exited}.log"
                    await one(name, lambda i=container.id: self._log(node, i, kubernetes=True))  # type: ignore[misc]

        for name, step in (
            ("service-logs", services),
            ("kubernetes-logs", containers),
            ("resources", lambda: self._resources(node, one)),
        ):
            try:
                await step()
            except Exception as error:
                self.problems.append(f"{node}/{name}: {error}")

    async def _resources(
        self, node: str, one: Callable[[str, Callable[[], Awaitable[str | None]]], Awaitable[None]]
    ) -> None:
        from talos.talosctl.definitions import all_definitions

        await asyncio.gather(
            *(
                one(f"resources/{d.type.lower()}.yaml", lambda d=d: self._resource(node, d))  # type: ignore[misc]
                for d in await all_definitions(self._session, node)
                if not d.sensitive
            )
        )

    async def _resource(self, node: str, definition: Definition) -> str | None:
        from talos.api import cosi_resource_pb2 as pb
        from talos.talosctl.resource_output import plain

        request = pb.ListRequest(namespace=definition.namespace, type=definition.type)
        found = [
            plain(node, reply.resource, "")
            async for reply in self._session.stream(node, "/cosi.resource.State/List", request)
        ]
        return yaml.safe_dump_all(found, sort_keys=False, allow_unicode=True) if found else None

    async def _plain(self, node: str, path: str) -> str:
        return _yaml(await self._session.call(node, path))

    async def _text(self, node: str, path: str, request: Any) -> str:
        chunks = [chunk.bytes async for chunk in self._session.stream(node, path, request)]
        return b"".join(chunks).decode(errors="replace")

    async def _read(self, node: str, path: str) -> str:
        from talos.api import machine_pb2

        return await self._text(node, "/machine.MachineService/Read", machine_pb2.ReadRequest(path=path))

    async def _log(self, node: str, name: str, kubernetes: bool = False) -> str:
        from talos.api import common_pb2, machine_pb2

        request = machine_pb2.LogsRequest(
            namespace="k8s.io" if kubernetes else "system",
            driver=common_pb2.CRI if kubernetes else common_pb2.CONTAINERD,
            id=name,
            tail_lines=_LOG_LINES,
        )
        return await self._text(node, "/machine.MachineService/Logs", request)

    async def _kubernetes(self) -> None:
        """Nodes and the pods of the system, as the Kubernetes API has them."""
        from talos.kubernetes.kinds import NODE, POD
        from talos.talosctl.kubernetes_api import kubernetes

        async with kubernetes(self._session) as client:
            nodes, _ = await client.list(NODE)
            pods, _ = await client.list(POD, "kube-system")
        self.files["kubernetesResources/nodes.yaml"] = yaml.safe_dump_all(nodes, sort_keys=False)
        self.files["kubernetesResources/systemPods.yaml"] = yaml.safe_dump_all(pods, sort_keys=False)


def _yaml(message: Any) -> str:
    from google.protobuf.json_format import MessageToDict

    return yaml.safe_dump(MessageToDict(message), sort_keys=False, allow_unicode=True)
