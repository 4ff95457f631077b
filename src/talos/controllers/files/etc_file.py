"""Writes the generated files of /etc: machined alone can, /etc is read-only for everybody else.

/etc is a read-only bind of /system/etc (talos.machined.startup), so files are written there, each by rename. The
resolver's file also goes where pods and the kubelet look for it.
"""

from __future__ import annotations

import os
from pathlib import Path

from talos.controllers.publish import always
from talos.resources.files import EtcFileSpecSpec, EtcFileStatusSpec
from talos.state.controller import STRONG, Controller, Input, Output
from talos.state.resource import Phase
from talos.state.runtime import Runtime

FOLDER = "/system/etc"
ALSO = {"resolv.conf": "/system/resolved/resolv.conf"}

NETWORKD = "network."
"""controllers of this domain run in networkd"""
OF_NETWORKD = frozenset({"hosts", "hostname", "resolv.conf"})


def write(path: Path, contents: bytes, mode: int) -> bool:
    """Replace a file in one step; False if it has this content and mode already."""
    try:
        if path.read_bytes() == contents and path.stat().st_mode & 0o7777 == mode:
            return False
    except FileNotFoundError:
        path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.new")
    fd = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
    with os.fdopen(fd, "wb") as file:  # unlike os.write, which writes a part when there is no space
        file.write(contents)
        os.fchmod(fd, mode)
    partial.replace(path)
    return True


class EtcFileController(Controller):
    """EtcFileSpecs → files → EtcFileStatuses."""

    name = "files.EtcFileController"
    inputs = (Input(EtcFileSpecSpec, STRONG),)
    outputs = (Output(EtcFileStatusSpec),)

    async def reconcile(self, rt: Runtime) -> None:
        folder = rt.env.path(FOLDER)
        kept, gone = [], []
        for resource in await rt.list(EtcFileSpecSpec):
            name = os.path.normpath(resource.id)
            if name.startswith(("..", "/")):
                raise ValueError(f"file {resource.id} would lie outside /etc")
            if resource.md.owner.startswith(NETWORKD) and name not in OF_NETWORKD:
                # networkd has no privileges; through /etc/cri or /etc/kubernetes it would have all of them.
                rt.log.error("%s may not write /etc/%s", resource.md.owner, name)
                continue
            if resource.md.phase is Phase.TEARING_DOWN:
                gone.append(resource)
                continue
            resource = await rt.add_finalizer(resource)  # a new version: the status names it
            contents, mode = resource.spec.contents.encode(), resource.spec.mode or 0o644
            write(folder / name, contents, mode)
            if name in ALSO:
                write(rt.env.path(ALSO[name]), contents, mode)
            version = str(resource.md.version)
            await rt.modify(EtcFileStatusSpec, resource.id, always(EtcFileStatusSpec(spec_version=version)))
            kept.append(resource.id)
        for status in await rt.list(EtcFileStatusSpec):
            if status.id not in kept and status.id not in ALSO:
                (folder / os.path.normpath(status.id)).unlink(missing_ok=True)
        await rt.keep_only(EtcFileStatusSpec, kept)
        for resource in gone:
            await rt.remove_finalizer(resource)
