"""The node's salt for disk encryption, as it lies on STATE: keys that are locked to STATE are mixed with it.

For os:admin alone, as every sensitive resource: with it and the STATE partition's passphrase the lock is none.
"""

from __future__ import annotations

import asyncio

from talos.controllers.publish import always
from talos.resources.block import VolumeStatusSpec
from talos.resources.enums import VolumePhase
from talos.resources.secrets import EncryptionSaltSpec
from talos.state.controller import EXCLUSIVE, Controller, Input, Output
from talos.state.runtime import Runtime

STATE = "STATE"
FOLDER = "/system/state"


class EncryptionSaltController(Controller):
    """/system/state/encryption-salt.yaml → EncryptionSalt. It is made when it is missing, once STATE is there."""

    name = "secrets.EncryptionSaltController"
    inputs = (Input(VolumeStatusSpec, id=STATE),)
    outputs = (Output(EncryptionSaltSpec, EXCLUSIVE),)

    async def reconcile(self, rt: Runtime) -> None:
        volume = await rt.get_or_none(VolumeStatusSpec, STATE)
        if volume is None or volume.spec.phase is not VolumePhase.READY:
            return
        from talos.machined.disk.encryption import salt

        found = await asyncio.to_thread(salt, rt.env.path(FOLDER))
        await rt.modify(EncryptionSaltSpec, "salt", always(EncryptionSaltSpec(disk_salt=found)))
