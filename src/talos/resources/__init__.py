"""Typed resources by domain: what the node knows about itself.

Importing this package makes every type known to talos.state.kind_of. Attribute types:
IP addresses, prefixes and hardware addresses are str (text form), durations timedelta,
times datetime in UTC (ZERO_TIME: never set), enumerations from talos.resources.enums,
certificates PEM text, URLs and CEL expressions str.
"""

from __future__ import annotations

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
