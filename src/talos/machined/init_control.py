"""What machined tells PID 1: one line on its control FIFO (os/init/README.md)."""

from __future__ import annotations

import os

from talos.environment import NodeEnvironment

CONTROL = "/run/init/control"
CONFIRM, REBOOT, POWEROFF = "confirm", "reboot", "poweroff"


def tell(env: NodeEnvironment, command: str) -> None:
    """OSError: nobody reads it, so there is no PID 1 of ours."""
    fd = os.open(env.path(CONTROL), os.O_WRONLY | os.O_NONBLOCK)
    try:
        os.write(fd, f"{command}\n".encode())
    finally:
        os.close(fd)
