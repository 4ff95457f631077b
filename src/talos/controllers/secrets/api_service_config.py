"""How apid serves: to everybody as reader in maintenance mode, to client certificates afterwards.

That there is no configuration is not enough to open the door: it may not have been read yet, or be unreadable on a node
that holds keys. The stage says that there never was one; until then apid waits, with its port closed.
"""

from __future__ import annotations

from talos.controllers.machine_config import ACTIVE_CONFIG, active
from talos.controllers.runtime.stage import STAGE_ID, MachineStageSpec
from talos.resources.enums import MachineStage
from talos.resources.runtime import APIServiceConfigSpec
from talos.state import Controller, Input, Output, Runtime

LISTEN_ADDRESS = ":50000"


class APIServiceConfigController(Controller):
    """MachineConfig, MachineStage -> APIServiceConfig "apid"."""

    name = "runtime.APIServiceConfigController"
    inputs = (ACTIVE_CONFIG, Input(MachineStageSpec, id=STAGE_ID))
    outputs = (Output(APIServiceConfigSpec),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await active(rt)
        if config is None:
            stage = await rt.get_or_none(MachineStageSpec, STAGE_ID)
            if stage is None or stage.spec.stage is not MachineStage.MAINTENANCE:
                return
        maintenance = config is None or not config.machine.configured
        spec = APIServiceConfigSpec(
            listen_address=LISTEN_ADDRESS,
            node_routing_disabled=maintenance,
            readonly_role_mode=maintenance,
            skip_verifying_client_cert=maintenance,
        )
        await rt.modify(APIServiceConfigSpec, "apid", lambda _: spec)
