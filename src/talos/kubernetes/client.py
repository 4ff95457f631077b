"""The verbs of the Kubernetes API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from talos.kubernetes import kubeconfig
from talos.kubernetes.errors import ApiError, ConnectError
from talos.kubernetes.http import Pool
from talos.kubernetes.kinds import BUILT_IN, Kind
from talos.kubernetes.tls import client_context

Object = dict[str, Any]

APPLY = "application/apply-patch+yaml"  # KEP-555; JSON is YAML
MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"


class WatchEvent(NamedTuple):
    """ADDED, MODIFIED, DELETED or BOOKMARK, and the object."""

    type: str
    object: Object


class Client:
    """A client of one API server. Cheap to make; ``await close()`` when done."""

    def __init__(self, credentials: kubeconfig.Credentials) -> None:
        url = urlsplit(credentials.server)
        if url.scheme not in ("http", "https") or not url.hostname:
            raise ValueError(f"server {credentials.server!r} is not an http(s) URL")
        context = None
        if url.scheme == "https":
            context = client_context(credentials.ca, credentials.certificate, credentials.key)
        self.credentials = credentials
        self._prefix = url.path.rstrip("/")
        self._pool = Pool(
            url.hostname,
            url.port or (443 if url.scheme == "https" else 80),
            context,
            server_name=credentials.server_name,
        )
        self._headers = {"accept": "application/json", "user-agent": "talos"}
        if credentials.token:
            self._headers["authorization"] = f"Bearer {credentials.token}"
        self._kinds = dict(BUILT_IN)

    @classmethod
    def from_kubeconfig(cls, text: str | bytes) -> Client:
        """A client of the kubeconfig's current context."""
        return cls(kubeconfig.parse(text))

    async def __aenter__(self) -> Client:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Close idle connections."""
        self._pool.close()

    async def request(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str | None] | None = None,
        body: Any = None,
        content_type: str = "application/json",
        timeout_s: float = 30.0,
    ) -> Any:
        """One request; the decoded JSON answer. Raises ApiError or ConnectError."""
        headers = self._headers
        data = b""
        if body is not None:
            data = json.dumps(body, separators=(",", ":")).encode()
            headers = {**headers, "content-type": content_type}
        status, answer_headers, answer = await self._pool.request(
            method, self._target(path, query), headers, data, timeout_s=timeout_s
        )
        if status >= 400:
            raise _error(status, answer)
        if "json" in answer_headers.get("content-type", ""):
            return json.loads(answer)
        return answer.decode(errors="replace")

    async def get(self, kind: Kind, name: str, namespace: str = "") -> Object:
        """One object. ApiError.not_found when it does not exist."""
        result: Object = await self.request("GET", kind.path(name, namespace))
        return result

    async def list(
        self, kind: Kind, namespace: str = "", *, labels: str | None = None, fields: str | None = None
    ) -> tuple[list[Object], str]:
        """Objects that match the selectors, and the resource version to watch from."""
        query = {"labelSelector": labels, "fieldSelector": fields}
        result = await self.request("GET", kind.path(namespace=namespace), query=query)
        return result.get("items") or [], result["metadata"].get("resourceVersion", "")

    async def create(self, obj: Object) -> Object:
        """Create; ApiError.conflict when it exists."""
        kind = await self.kind_of(obj)
        result: Object = await self.request("POST", kind.path(namespace=_namespace(obj, kind)), body=obj)
        return result

    async def apply(self, obj: Object, field_manager: str, *, force: bool = True, dry_run: bool = False) -> Object:
        """Server-side apply: create or make the fields given the manager's own. ``force`` takes them from others."""
        kind = await self.kind_of(obj)
        query = {
            "fieldManager": field_manager,
            "force": "true" if force else "false",
            "dryRun": "All" if dry_run else None,
        }
        path = kind.path(obj["metadata"]["name"], _namespace(obj, kind))
        result: Object = await self.request("PATCH", path, query=query, body=obj, content_type=APPLY)
        return result

    async def patch(
        self,
        kind: Kind,
        name: str,
        patch: Any,
        namespace: str = "",
        *,
        content_type: str = MERGE,
        subresource: str = "",
        field_manager: str | None = "talos",
    ) -> Object:
        """Merge patch (RFC 7386) unless the content type says otherwise."""
        result: Object = await self.request(
            "PATCH",
            kind.path(name, namespace, subresource),
            query={"fieldManager": field_manager},
            body=patch,
            content_type=content_type,
        )
        return result

    async def replace(self, kind: Kind, obj: Object) -> Object:
        """Write the whole object; ApiError.conflict when its resourceVersion is not the current one."""
        path = kind.path(obj["metadata"]["name"], _namespace(obj, kind))
        result: Object = await self.request("PUT", path, body=obj)
        return result

    async def delete(self, kind: Kind, name: str, namespace: str = "", *, options: Object | None = None) -> None:
        """Delete; returns when the server accepted it, an absent object is no error."""
        try:
            await self.request("DELETE", kind.path(name, namespace), body=options)
        except ApiError as error:
            if not error.not_found:
                raise

    async def evict(self, name: str, namespace: str) -> None:
        """Ask to evict a pod; ApiError 429 when a disruption budget forbids it now (KEP-85)."""
        body = {"apiVersion": "policy/v1", "kind": "Eviction", "metadata": {"name": name, "namespace": namespace}}
        path = Kind("v1", "Pod", "pods", True).path(name, namespace, "eviction")
        await self.request("POST", path, body=body)

    async def watch(
        self,
        kind: Kind,
        namespace: str = "",
        *,
        resource_version: str = "",
        labels: str | None = None,
        fields: str | None = None,
    ) -> AsyncIterator[WatchEvent]:
        """Changes after ``resource_version``. Ends when the server ends it; ApiError.gone means: list again."""
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "labelSelector": labels,
            "fieldSelector": fields,
        }
        response = await self._pool.stream(self._target(kind.path(namespace=namespace), query), self._headers)
        async with response:
            if response.status >= 400:
                raise _error(response.status, await response.read())
            rest = b""
            async for chunk in response.chunks():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    if not line:
                        continue
                    event = json.loads(line)
                    if event["type"] == "ERROR":
                        raise _error(event["object"].get("code", 500), line, event["object"])
                    yield WatchEvent(event["type"], event["object"])

    async def snapshots(
        self, kind: Kind, namespace: str = "", *, labels: str | None = None, fields: str | None = None
    ) -> AsyncIterator[dict[tuple[str, str], Object]]:
        """All matching objects by (namespace, name): at first, and again after each burst of changes.

        Lists again when the watch is too old; any other failure is raised: the caller decides how to back off.
        """
        while True:
            items, version = await self.list(kind, namespace, labels=labels, fields=fields)
            objects = {_key(item): item for item in items}
            yield objects
            try:
                while True:
                    async for event in self.watch(
                        kind, namespace, resource_version=version, labels=labels, fields=fields
                    ):
                        version = event.object["metadata"]["resourceVersion"]
                        if event.type == "BOOKMARK":
                            continue
                        if event.type == "DELETED":
                            objects.pop(_key(event.object), None)
                        else:
                            objects[_key(event.object)] = event.object
                        yield objects
                    # The server ends each watch after some minutes; without a pause a broken proxy would spin here.
                    await asyncio.sleep(0.05)
            except ApiError as error:
                if not error.gone:
                    raise

    async def kind_of(self, obj: Object) -> Kind:
        """The kind of an object, asked from the server when it is not a built-in one. ApiError.not_found if unknown."""
        api_version, name = obj.get("apiVersion", ""), obj.get("kind", "")
        if found := self._kinds.get((api_version, name)):
            return found
        root = Kind(api_version, name, "", True).root
        for entry in (await self.request("GET", root))["resources"]:
            if "/" not in entry["name"]:
                kind = Kind(api_version, entry["kind"], entry["name"], entry["namespaced"])
                self._kinds[(api_version, entry["kind"])] = kind
        if found := self._kinds.get((api_version, name)):
            return found
        raise ApiError(404, "NotFound", f"the server has no kind {name!r} in {api_version!r}")

    async def preferred_version(self, group: str) -> str:
        """apiVersion that the server prefers for a group; the core group is the empty one."""
        if not group:
            return "v1"
        version: str = (await self.request("GET", f"/apis/{group}"))["preferredVersion"]["groupVersion"]
        return version

    def _target(self, path: str, query: Mapping[str, str | None] | None) -> str:
        given = {k: v for k, v in (query or {}).items() if v is not None}
        return self._prefix + path + (f"?{urlencode(given)}" if given else "")


def _namespace(obj: Object, kind: Kind) -> str:
    return (obj["metadata"].get("namespace") or "default") if kind.namespaced else ""


def _key(obj: Object) -> tuple[str, str]:
    return obj["metadata"].get("namespace", ""), obj["metadata"]["name"]


def _error(code: int, answer: bytes, status: Object | None = None) -> ApiError:
    if status is None:
        try:
            status = json.loads(answer)
        except ValueError:
            status = None
    if not isinstance(status, dict):
        return ApiError(code, "", answer.decode(errors="replace").strip())
    return ApiError(code, status.get("reason", ""), status.get("message", ""), status.get("details"))


__all__ = ["APPLY", "MERGE", "STRATEGIC", "ApiError", "Client", "ConnectError", "WatchEvent"]
