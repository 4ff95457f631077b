"""The active machine configuration for controllers: decoded once for all of them.

Some forty controllers start from the same text; decoding it takes milliseconds, so its result is kept by text.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from talos.config import Config
from talos.resources.config import MachineConfigSpec
from talos.state.controller import Input

if TYPE_CHECKING:
    from talos.state.runtime import Runtime

ACTIVE = "v1alpha1"
ACTIVE_CONFIG = Input(MachineConfigSpec, id=ACTIVE)
"""to be declared by every controller that calls `active`"""


@lru_cache(maxsize=4)
def parse(text: str) -> Config:
    """The configuration in a MachineConfig resource. It was validated before it became one."""
    return Config.decode(text)


async def active(rt: Runtime) -> Config | None:
    """The configuration in force, None in maintenance mode."""
    resource = await rt.get_or_none(MachineConfigSpec, ACTIVE)
    return None if resource is None else parse(resource.spec.text)
