"""What ``gen config --with-examples`` appends: documents that many people add, as comments."""

from __future__ import annotations

EXAMPLES = """\
# Examples: take away the leading '# ' of a block to use it.
#
# A fixed address instead of DHCP:
# ---
# apiVersion: v1alpha1
# kind: LinkConfig
# name: eth0
# addresses:
#     - address: 192.168.1.10/24
# routes:
#     - gateway: 192.168.1.1
#
# A mirror for a container registry:
# ---
# apiVersion: v1alpha1
# kind: RegistryMirrorConfig
# name: docker.io
# endpoints:
#     - url: https://mirror.example.org
#
# A kernel parameter:
# ---
# apiVersion: v1alpha1
# kind: SysctlConfig
# params:
#     net.core.somaxconn: "65535"
"""
