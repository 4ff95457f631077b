"""Between the configuration's view of control plane components and their resources: what three controllers share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from talos.config.view.model import Resources as ConfigResources
from talos.config.view.model import Volume
from talos.resources.k8s import ArgValues, ExtraVolume, Resources

CA_ROOTS = "/etc/ssl/certs"


def arguments(extra_args: Mapping[str, str | list[str]]) -> dict[str, ArgValues]:
    """Extra arguments as resources carry them."""
    return {n: ArgValues(values=[v] if isinstance(v, str) else list(v)) for n, v in extra_args.items()}


def volumes(configured: Iterable[Volume]) -> list[ExtraVolume]:
    """Extra volumes with names made up for them."""
    return [
        ExtraVolume(
            name="ca-roots" if volume.host_path == CA_ROOTS else f"extra-{index}",
            host_path=volume.host_path,
            mount_path=volume.mount_path,
            readonly=volume.read_only,
        )
        for index, volume in enumerate(configured)
    ]


def resources(configured: ConfigResources) -> Resources:
    """Requests and limits; absent requests are empty texts, as clients know them."""
    requests = {name: str(value) for name, value in configured.requests.items()}
    return Resources(
        requests={"cpu": "", "memory": "", **requests},
        limits={name: str(value) for name, value in configured.limits.items()},
    )
