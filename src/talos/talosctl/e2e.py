"""Upstream's conformance tests, run inside the cluster by the image that upstream makes for it.

One pod, as an administrator, in a namespace of its own: the image's runner (gorunner) starts the tests that E2E_FOCUS
and E2E_SKIP choose and ends with their verdict. Its output is fetched until then; afterwards nothing of it is left.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from talos.kubernetes.errors import ApiError, ConnectError
from talos.kubernetes.kinds import NAMESPACE, POD, Kind

if TYPE_CHECKING:
    from talos.kubernetes.client import Client

NAME = "conformance"
IMAGE = "registry.k8s.io/conformance"
MODES = {
    "fast": {"E2E_FOCUS": r"\[Conformance\]", "E2E_SKIP": r"\[Serial\]", "E2E_PARALLEL": "true"},
    "certified": {"E2E_FOCUS": r"\[Conformance\]", "E2E_SKIP": "", "E2E_PARALLEL": "false"},
    "network-policy": {"E2E_FOCUS": "NetworkPolicy", "E2E_SKIP": "", "E2E_PARALLEL": "false"},
}
"""fast leaves out what needs the cluster for itself; certified is what certification asks for, and takes hours"""
_BINDING = Kind("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "clusterrolebindings", False)
_POLL_S = 2.0
_STUCK = frozenset({"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "CreateContainerConfigError"})


def objects(image: str, mode: str) -> list[dict[str, Any]]:
    """What the run needs, in the order of creation."""
    meta = {"name": NAME, "namespace": NAME}
    fixed = {"E2E_USE_GO_RUNNER": "true", "E2E_PROVIDER": "skeleton", "RESULTS_DIR": "/tmp/results"}
    return [
        {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"name": NAME, "labels": {"pod-security.kubernetes.io/enforce": "privileged"}},
        },
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": NAME},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
            "subjects": [{"kind": "ServiceAccount", "name": NAME, "namespace": NAME}],
        },
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": meta,
            "spec": {
                "serviceAccountName": NAME,
                "restartPolicy": "Never",
                "tolerations": [{"operator": "Exists"}],
                "containers": [
                    {
                        "name": NAME,
                        "image": image,
                        "env": [{"name": name, "value": value} for name, value in (fixed | MODES[mode]).items()],
                        "volumeMounts": [{"name": "results", "mountPath": "/tmp/results"}],
                    }
                ],
                "volumes": [{"name": "results", "emptyDir": {}}],
            },
        },
    ]


async def run(client: Client, image: str, mode: str, say: Callable[[str], None], show: Callable[[str], None]) -> bool:
    """Run the tests; whether they passed. `say` gets what is going on, `show` the runner's output.
    ClickException if they cannot be run."""
    try:
        await client.get(NAMESPACE, NAME)
    except ApiError as error:
        if not error.not_found:
            raise click.ClickException(f"the Kubernetes API refused: {error}") from error
    else:
        raise click.ClickException(
            f"namespace {NAME} exists already: another run is going on, or was killed; "
            f"kubectl delete namespace/{NAME} clusterrolebinding/{NAME} removes what it left"
        )
    try:
        for item in objects(image, mode):
            await client.create(item)
        say(f"pod {NAME}/{NAME} runs {image}, mode {mode}")
        return await _follow(client, show)
    except (ApiError, ConnectError) as error:
        raise click.ClickException(f"the tests cannot be run: {error}") from error
    finally:
        # Also when it was interrupted: asyncio.run lets what is shielded end.
        say("removing what the run made")
        with contextlib.suppress(ApiError, ConnectError):
            await asyncio.shield(_remove(client))


async def _follow(client: Client, show: Callable[[str], None]) -> bool:
    """The runner's output until it ends; whether its exit code was 0."""
    log = _Log(client, show)
    while True:
        with contextlib.suppress(ConnectError):  # tests may restart what answers here
            pod = await client.get(POD, NAME, NAME)
            status = pod["status"]
            for container in status.get("containerStatuses", ()):
                waiting = container["state"].get("waiting", {})
                if waiting.get("reason") in _STUCK:
                    raise click.ClickException(
                        f"the pod does not start: {waiting['reason']}: {waiting.get('message', '')}; where nodes reach "
                        "no registry, talosctl image cache-serve can serve the image"
                    )
                if "waiting" not in container["state"]:
                    await log.more()
            if status["phase"] in ("Succeeded", "Failed"):
                await log.more()
                return bool(status["phase"] == "Succeeded")
        await asyncio.sleep(_POLL_S)


class _Log:
    """A container's output in parts: what is newer than the last line that was shown, told by its time."""

    def __init__(self, client: Client, show: Callable[[str], None]) -> None:
        self._client = client
        self._show = show
        self._last = ""

    async def more(self) -> None:
        query = {"timestamps": "true"} | ({"sinceTime": self._last[:19] + "Z"} if self._last else {})
        text = await self._client.request("GET", POD.path(NAME, NAME, "log"), query=query)
        for line in str(text).splitlines():
            time, _, rest = line.partition(" ")
            if time > self._last:  # RFC 3339 in UTC, nine digits of a second: sorted as text
                self._show(rest)
        times = [line.partition(" ")[0] for line in str(text).splitlines()]
        self._last = max([self._last, *times])


async def _remove(client: Client) -> None:
    for kind, name in ((_BINDING, NAME), (NAMESPACE, NAME)):
        try:
            await client.delete(kind, name)
        except ApiError as error:
            if not error.not_found:
                raise
