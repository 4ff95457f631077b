"""Versions of what the image ships: the one place where they are written down.

The tag begins with the Talos contract version that the node implements, because clients choose their behaviour by it.
"""

from __future__ import annotations

TALOS_VERSION = "v1.14.0"
DEFAULT_KUBERNETES_VERSION = "1.37.2"
ETCD_VERSION = "3.7.3"
COREDNS_VERSION = "v1.14.7"
FLANNEL_VERSION = "0.28.10"
CONTAINERD_VERSION = "2.4.2"
RUNC_VERSION = "1.5.2"
PAUSE_VERSION = "3.10.2"
