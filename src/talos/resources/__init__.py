"""Typed resources by domain: what the node knows about itself.

Importing this package makes every type known to talos.state.kind_of, which imports the domains when it is asked for a
type that no imported one has: a start needs a third of them before the API answers. Attribute types:
IP addresses, prefixes and hardware addresses are str (text form), durations timedelta,
times datetime in UTC (ZERO_TIME: never set), enumerations from talos.resources.enums,
certificates PEM text, URLs and CEL expressions str.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from talos.state import spec

if TYPE_CHECKING:
    from talos.resources import (
        access,
        audit,
        block,
        cluster,
        config,
        containers,
        cri,
        enums,
        etcd,
        extensions,
        files,
        hardware,
        k8s,
        kubeaccess,
        kubespan,
        meta,
        network,
        pem,
        perf,
        proto,
        runtime,
        secrets,
        security,
        siderolink,
        storage,
        time,
        v1alpha1,
    )

__all__ = [
    "access",
    "audit",
    "block",
    "cluster",
    "config",
    "containers",
    "cri",
    "enums",
    "etcd",
    "extensions",
    "files",
    "hardware",
    "k8s",
    "kubeaccess",
    "kubespan",
    "load",
    "meta",
    "network",
    "pem",
    "perf",
    "proto",
    "runtime",
    "secrets",
    "security",
    "siderolink",
    "storage",
    "time",
    "v1alpha1",
]
DOMAINS = tuple(name for name in __all__ if name != "load")


def load() -> None:
    """Import every domain."""
    for name in DOMAINS:
        importlib.import_module(f"{__name__}.{name}")


def __getattr__(name: str) -> Any:
    """A domain, imported when it is asked for (PEP 562)."""
    if name not in DOMAINS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return importlib.import_module(f"{__name__}.{name}")


spec.completed_by(load)
