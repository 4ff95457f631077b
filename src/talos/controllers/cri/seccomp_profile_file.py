"""Writes the profiles where the kubelet looks for them."""

from __future__ import annotations

import json

from talos.controllers.files_on_disk import write_directory
from talos.resources.block import MountStatusSpec
from talos.resources.cri import SeccompProfileSpec
from talos.state import Controller, Input, Runtime

DIRECTORY = "/var/lib/kubelet/seccomp/profiles"


class SeccompProfileFileController(Controller):
    """SeccompProfiles → files. Nothing else may lie in that directory: what was there before is removed."""

    name = "cri.SeccompProfileFileController"
    inputs = (Input(SeccompProfileSpec), Input(MountStatusSpec, id=DIRECTORY))

    async def reconcile(self, rt: Runtime) -> None:
        if await rt.get_or_none(MountStatusSpec, DIRECTORY) is None:
            return  # what would be written now lay below the volume that is mounted there later
        profiles = [resource.spec for resource in await rt.list(SeccompProfileSpec)]
        files = {spec.name: json.dumps(spec.value, separators=(",", ":")).encode() for spec in profiles}
        write_directory(rt.env.path(DIRECTORY), files, uid=0, mode=0o644, directory_mode=0o700)
