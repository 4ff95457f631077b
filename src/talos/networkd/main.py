"""networkd's start: the controllers with process = "networkd".

They are found when this module is imported, in the zygote before the fork, so that their code is shared.
"""

from __future__ import annotations

from talos import resources as _resources  # noqa: F401  (makes every resource type known)
from talos.controllers import hosting
from talos.state.discovery import discover

CONTROLLERS = discover("talos.controllers.network", "networkd")


def main() -> int:
    """Called by the zygote in the forked child."""
    return hosting.main(CONTROLLERS)
