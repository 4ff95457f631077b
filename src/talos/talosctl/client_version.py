"""What `talosctl version` says of itself."""

from __future__ import annotations

import os
import sys

from talos.versions import TALOS_VERSION

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_ARCHITECTURES = {"x86_64": "amd64", "AMD64": "amd64", "aarch64": "arm64", "arm64": "arm64"}


def show(short: bool) -> None:
    """Print the client's part."""
    print("Client:")
    if short:
        print(f"Talos {TALOS_VERSION}")
    else:
        version = ".".join(map(str, sys.version_info[:3]))
        lines(TALOS_VERSION, "", "", f"python{version}", f"{sys.platform}/{_architecture()}")


def _architecture() -> str:
    # Not platform.machine: importing it takes as long as all the rest.
    machine = os.uname().machine if hasattr(os, "uname") else os.environ.get("PROCESSOR_ARCHITECTURE", "")
    return _ARCHITECTURES.get(machine, machine)


def node_lines(node: str, values: Sequence[str], rbac: bool) -> None:
    """Print a node's part. `values`: tag, SHA, time of the build, language, operating system, architecture."""
    print(f"\t{'NODE:':<13}{node}")
    tag, sha, built, language, system, architecture = values
    lines(tag, sha, built, language, f"{system}/{architecture}")
    print(f"\t{'Enabled:':<13}{'RBAC' if rbac else ''}")


def lines(tag: str, sha: str, built: str, language: str, system: str) -> None:
    """Print a version as aligned lines."""
    for name, value in (("Tag", tag), ("SHA", sha), ("Built", built), ("Go version", language), ("OS/Arch", system)):
        print(f"\t{name + ':':<13}{value}")
