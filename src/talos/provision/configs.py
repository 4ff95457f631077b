"""Secrets and machine configurations of a local cluster.

Beyond the defaults of `gen config`, a local cluster contacts no address outside itself: no discovery service, no time
server, and its only resolver is the bridge, where nobody listens; the host DNS of each node answers what is local and
refuses the rest at once.
"""

from __future__ import annotations

from dataclasses import dataclass

# Documents as patches, so that everything a person gives with --config-patch* comes after and wins.
LOCAL_PATCH = """\
apiVersion: v1alpha1
kind: TimeSyncConfig
enabled: false
---
apiVersion: v1alpha1
kind: ResolverConfig
nameservers:
    - address: {gateway}
---
apiVersion: v1alpha1
kind: DiscoveryServiceConfig
name: default
$patch: delete
"""


@dataclass(frozen=True, slots=True)
class ConfigOptions:
    """What the command line may change."""

    dns_domain: str = "cluster.local"
    talos_version: str = ""
    patches: tuple[str, ...] = ()
    control_plane_patches: tuple[str, ...] = ()
    worker_patches: tuple[str, ...] = ()
    registry_mirrors: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class GeneratedConfigs:
    """Configuration by role and the talosconfig of os:admin, all as YAML text."""

    by_role: dict[str, str]
    talosconfig: str
