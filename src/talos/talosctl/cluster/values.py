"""Values of the flags of `cluster create`."""

from __future__ import annotations

import posixpath
import re
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from talos.provision.image_cache import ServedCache
    from talos.provision.model import Mount, PortMapping

_SIZE = re.compile(r"^(\d+(?:\.\d+)?)\s*([a-zA-Z]*)$")
# Talos' flags read a bare number as MB; decimal and binary units both exist.
_UNITS = {
    "": 10**6, "b": 1, "k": 10**3, "kb": 10**3, "m": 10**6, "mb": 10**6, "g": 10**9, "gb": 10**9, "t": 10**12,
    "tb": 10**12, "kib": 2**10, "mib": 2**20, "gib": 2**30, "tib": 2**40, "ki": 2**10, "mi": 2**20, "gi": 2**30,
}  # fmt: skip
_MOUNT_KEYS = {"src": "source", "dst": "target", "destination": "target", "ro": "readonly"}
_SMALLEST_NODE = 512 << 20
CACHES = "/system/imagecache/"
"""where a node looks for a cache of images"""


class Memory(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """Bytes, written like 2.0GiB, 2gb or 2048 (MB)."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = _SIZE.match(str(value).strip())
        if match is None or match[2].lower() not in _UNITS:
            self.fail(f"{value!r} is not a size; write it like 2GiB, 1024MiB or 2048 (MB)", param, ctx)
        size = int(float(match[1]) * _UNITS[match[2].lower()])
        if 0 < size < _SMALLEST_NODE:
            self.fail(f"{value!r} is too little for a node: at least 512MiB, or 0 for no limit", param, ctx)
        return size


class Cpus(click.ParamType):  # type: ignore[type-arg, unused-ignore]
    """Cores, a fraction is allowed."""

    name = "cores"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            cores = float(value)
        except ValueError:
            cores = -1.0
        if cores < 0:
            self.fail(f"{value!r} is not a number of cores; write it like 2 or 0.5, 0 for no limit", param, ctx)
        return cores


def ports(texts: list[str], host_ip: str) -> list[PortMapping]:
    """HOST:NODE[/tcp|udp], as with docker."""
    from talos.provision.model import PortMapping

    found = []
    for text in texts:
        mapping, _, protocol = text.partition("/")
        host, colon, node = mapping.partition(":")
        valid = colon and host.isdigit() and node.isdigit() and protocol in ("", "tcp", "udp")
        if not valid or not (0 < int(host) < 65536 and 0 < int(node) < 65536):
            raise click.BadParameter(
                f"{text!r}: write HOSTPORT:NODEPORT or HOSTPORT:NODEPORT/udp, for example 8080:80",
                param_hint="--exposed-ports",
            )
        found.append(PortMapping(host_ip, int(host), int(node), protocol or "tcp"))
    return found


def user_volumes(text: str) -> list[tuple[str, int]]:
    """NAME:SIZE, once or more often: the volumes of the user on one disk, as (name, bytes)."""
    words = text.split(":")
    found = []
    for name, size in zip(words[::2], [*words[1::2], ""], strict=False):
        match = _SIZE.match(size.strip())
        if match is None or match[2].lower() not in _UNITS or not re.fullmatch(r"[A-Za-z0-9-]{1,34}", name):
            raise click.BadParameter(
                f"{text!r}: write NAME:SIZE, for example data:2GiB, or NAME:SIZE:NAME:SIZE for several on one disk",
                param_hint="--user-volumes",
            )
        found.append((name, int(float(match[1]) * _UNITS[match[2].lower()])))
    return found


def disks(texts: list[str]) -> list[tuple[str, int]]:
    """DRIVER:SIZE each, as (driver, bytes); options that follow a size (:tag=…) and other drivers are not carried
    out."""
    from talos.provision.qemu import DRIVERS

    found = []
    for text in texts:
        driver, _, rest = text.partition(":")
        size, _, more = rest.partition(":")
        match = _SIZE.match(size.strip())
        if match is None or match[2].lower() not in _UNITS:
            raise click.BadParameter(f"{text!r}: write DRIVER:SIZE, for example virtio:10GiB", param_hint="--disks")
        if driver not in DRIVERS or more:
            unknown = f"options ({more})" if more else f"the driver {driver!r}"
            raise click.BadParameter(
                f"{text!r}: {unknown} of a disk is not carried out by this version, DRIVER:SIZE with "
                f"{', '.join(DRIVERS)} is",
                param_hint="--disks",
            )
        found.append((driver, int(float(match[1]) * _UNITS[match[2].lower()]) // 512 * 512))
    return found


def addresses(texts: list[str], flag: str) -> tuple[str, ...]:
    """Addresses as given. BadParameter."""
    for text in texts:
        try:
            ip_address(text)
        except ValueError:
            raise click.BadParameter(f"{text!r} is not an address", param_hint=flag) from None
    return tuple(texts)


def mounts(texts: tuple[str, ...]) -> list[Mount]:
    """type=bind,source=PATH,target=PATH[,readonly] each, as with docker."""
    from talos.provision.model import Mount

    found = []
    for text in texts:
        values: dict[str, str] = {}
        for part in text.split(","):
            key, _, value = part.strip().partition("=")
            values[_MOUNT_KEYS.get(key, key)] = value
        unknown = sorted(values.keys() - {"type", "source", "target", "readonly"})
        source, target = values.get("source", ""), values.get("target", "")
        if unknown or values.get("type", "bind") != "bind" or not source or not target:
            raise click.BadParameter(
                f"{text!r}: write type=bind,source=PATH,target=PATH, and ,readonly behind it", param_hint="--mount"
            )
        if not Path(source).exists():
            raise click.BadParameter(f"{source} does not exist on this host", param_hint="--mount")
        if not posixpath.normpath(target).startswith(("/var/", "/run/", "/tmp/", CACHES)):
            raise click.BadParameter(
                f"{target}: the root of a node is read-only; choose a target below /var, /run, /tmp or {CACHES}",
                param_hint="--mount",
            )
        read_only = values.get("readonly", "false") in ("", "true", "1")
        found.append(Mount(str(Path(source).absolute()), posixpath.normpath(target), read_only))
    return found


def served_cache(flags: dict[str, Any]) -> ServedCache | None:
    """What --image-cache-path and the flags beside it ask for. UsageError."""
    from talos.provision.image_cache import ServedCache

    path, port = flags["image_cache_path"], flags["image_cache_port"]
    certificate, key = flags["image_cache_tls_cert_file"], flags["image_cache_tls_key_file"]
    if not path:
        if certificate or key:
            raise click.UsageError("--image-cache-tls-cert-file and its key are for --image-cache-path: give that too")
        return None
    return ServedCache(Path(path), port, Path(certificate) if certificate else None, Path(key) if key else None)


def patches(texts: tuple[str, ...], flag: str) -> tuple[str, ...]:
    """Patches as given: text, or @FILE."""
    found = []
    for text in texts:
        if text.startswith("@"):
            try:
                found.append(Path(text[1:]).read_text())
            except OSError as error:
                raise click.BadParameter(f"cannot read {text[1:]}: {error.strerror}", param_hint=flag) from error
        else:
            found.append(text)
    return tuple(found)


def check_name(name: str) -> None:
    """A cluster's name begins every node's host name (RFC 1123), so it is one and leaves room."""
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,40}[a-z0-9])?", name):
        raise click.BadParameter(
            f"{name!r}: use lower case letters, digits and dashes, at most 42 characters", param_hint="--name"
        )
