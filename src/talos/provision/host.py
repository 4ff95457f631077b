"""The few settings of the host that a local cluster needs changed, and their way back.

Whoever changes one notes the value it found in its model; the last cluster that goes puts it back, and one that goes
before hands the note to another. Nodes themselves never write a setting of the host.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from talos.linux import netlink as nl
from talos.linux.netlink_socket import RouteSocket
from talos.provision import monitors
from talos.provision.model import ClusterDirectory, ClusterModel, ProvisionError, clusters

_FORWARD = "/proc/sys/net/ipv4/ip_forward"
_FORWARD_IPV6 = "/proc/sys/net/ipv6/conf/all/forwarding"
_ACCEPT_RA = "/proc/sys/net/ipv6/conf/{}/accept_ra"
# Every kubelet, containerd and etcd of every node takes some; the kernel's default of 128 is for one desktop user.
_INOTIFY = "/proc/sys/fs/inotify/max_user_instances"
SETTINGS = (_FORWARD, _FORWARD_IPV6, _INOTIFY)
_INOTIFY_ENOUGH = 1024
_INOTIFY_WANTED = 8192


@contextlib.contextmanager
def decisions() -> Iterator[None]:
    """Held from looking for a free subnet until it is taken: two clusters may be created at the same moment.

    The lock is on a folder that every host has, so that nothing is left behind.
    """
    fd = os.open("/run", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def prepare(directory: ClusterDirectory, model: ClusterModel) -> None:
    """Change what has to be changed. What was found is on disk before: a kill in between loses no value."""
    wanted = {}
    if (found := Path(_FORWARD).read_text().strip()) == "0":
        wanted[_FORWARD], model.host_settings[_FORWARD] = "1", found
    if 6 in model.families and (found := Path(_FORWARD_IPV6).read_text().strip()) == "0":
        # A host that begins to forward drops the default routes that routers have announced to it, unless it is told
        # to go on listening to them (accept_ra 2, ip-sysctl.txt).
        for link in announced_defaults():
            path = _ACCEPT_RA.format(link)
            if (heeded := Path(path).read_text().strip()) == "1":
                wanted[path], model.host_settings[path] = "2", heeded
        wanted[_FORWARD_IPV6], model.host_settings[_FORWARD_IPV6] = "1", found
    if not model.machines and int(found := Path(_INOTIFY).read_text().strip()) < _INOTIFY_ENOUGH:
        wanted[_INOTIFY], model.host_settings[_INOTIFY] = str(_INOTIFY_WANTED), found
    directory.save(model)
    for path, value in wanted.items():
        _change(path, value)


def announced_defaults() -> list[str]:
    """Links by which this host has a default route that a router announced (RFC 4861)."""
    with RouteSocket() as route_socket:
        names = {link.index: link.name for link in route_socket.links()}
        found = {
            names.get(route.index, "")
            for route in route_socket.routes()
            if route.family == nl.AF_INET6 and route.destination is None and route.protocol == nl.RTPROT_RA
        }
    return sorted(found - {""})


def _change(path: str, value: str) -> None:
    try:
        Path(path).write_text(value)
    except OSError as error:
        raise ProvisionError(
            f"cannot set {path} to {value} ({error.strerror}): set it on the host, then create the cluster again"
        ) from error


def restore(directory: ClusterDirectory, model: ClusterModel) -> None:
    """Put back what this cluster changed, or leave that to another cluster of this host."""
    if not model.host_settings:
        return
    others = {(directory.path.parent, name) for name in clusters(directory.path.parent)}
    others |= {(state, name) for _pid, state, name in monitors.running()}
    for state, name in sorted(others - {(directory.path.parent, directory.name)}):
        other = ClusterDirectory(state, name)
        with contextlib.suppress(ProvisionError):
            heir = other.load()
            heir.host_settings = model.host_settings | heir.host_settings
            other.save(heir)
            return
    for path, value in model.host_settings.items():
        # Noted before it was changed: it may never have been, on a host where it cannot be.
        with contextlib.suppress(FileNotFoundError):  # of a link that has gone meanwhile
            if Path(path).read_text().strip() != value:
                Path(path).write_text(value)
