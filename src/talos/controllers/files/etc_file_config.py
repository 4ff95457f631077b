"""Files below /etc that the configuration asks for (EtcFileConfig). What the node makes itself is not to be had: such a
document is refused when it is applied (talos.machined.user_files), and passed over if it came with the first boot."""

from __future__ import annotations

import posixpath

from talos.config.runtime.etc_file_config import EtcFileConfig
from talos.controllers import machine_config
from talos.controllers.publish import always
from talos.resources.files import EtcFileSpecSpec
from talos.state.controller import SHARED, Controller, Output
from talos.state.runtime import Runtime

DEFAULT_MODE = 0o644
LABEL = "system_u:object_r:etc_t:s0"


OWN = frozenset({"hosts", "hostname", "resolv.conf", "machine-id", "passwd", "group", "ssl/certs/ca-certificates.crt"})
OWN_FOLDERS = ("cri", "cni", "kubernetes", "containerd")


def name_problem(name: str) -> str:
    """Why a file of this name below /etc cannot be the configuration's, "" if it can."""
    if name.startswith(("/", "..")) or posixpath.normpath(name) != name:
        return "the name must be a path below /etc, without a slash in front and without '..'"
    if name in OWN or name.split("/", 1)[0] in OWN_FOLDERS:
        return "the node makes this file itself"
    return ""


class EtcFileConfigController(Controller):
    """Configuration → EtcFileSpecs."""

    name = "files.EtcFileConfigController"
    inputs = (machine_config.ACTIVE_CONFIG,)
    outputs = (Output(EtcFileSpecSpec, SHARED),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await machine_config.active(rt)
        found = config.get_all(EtcFileConfig) if config is not None else ()
        documents = [document for document in found if not name_problem(document.name)]
        for document in documents:
            spec = EtcFileSpecSpec(contents=document.contents, mode=document.mode or DEFAULT_MODE, selinux_label=LABEL)
            await rt.modify(EtcFileSpecSpec, document.name, always(spec))
        await rt.keep_only(EtcFileSpecSpec, [document.name for document in documents])
