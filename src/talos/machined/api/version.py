"""Version and Hostname."""

from __future__ import annotations

import os
import platform
import socket
from typing import Any

from talos import versions
from talos.api import machine_pb2
from talos.machined.rpc import Call, unary


@unary("/machine.MachineService/Version")
async def version(call: Call, _request: Any) -> machine_pb2.VersionResponse:
    """Version of the node's software and its platform. go_version names the Python that runs it."""
    info = machine_pb2.VersionInfo(
        tag=versions.TALOS_VERSION,
        sha=getattr(versions, "SHA", ""),
        built=getattr(versions, "BUILT", ""),
        go_version=f"python{platform.python_version()}",
        os="linux",
        arch={"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine),
    )
    env = call.node.env
    return machine_pb2.VersionResponse(
        messages=[
            machine_pb2.Version(
                version=info,
                platform=machine_pb2.PlatformInfo(name=env.platform, mode=env.mode),
                # Without a configuration nobody has a certificate yet: no roles are checked.
                features=machine_pb2.FeaturesInfo(rbac=not call.node.in_maintenance),
            )
        ]
    )


@unary("/machine.MachineService/Hostname")
async def hostname(_call: Call, _request: Any) -> machine_pb2.HostnameResponse:
    """The kernel's host name."""
    return machine_pb2.HostnameResponse(messages=[machine_pb2.Hostname(hostname=socket.gethostname())])
