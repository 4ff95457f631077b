"""What a node's processes know of where they run, as a value: controllers get it as `rt.env`.

It is read once from PID 1's environment (init hands it to the zygote, the zygote to its services), so that a controller
never reads os.environ or /proc itself and a test can say which machine it pretends to be.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct, field

from talos.kernel_arguments import KernelArguments
from talos.state.clock import Clock, LoopClock

CONTAINER = "container"
METAL = "metal"
CLOUD = "cloud"


class NodeEnvironment(Struct, frozen=True):
    """Mode, platform, paths and clock of this node."""

    platform: str = CONTAINER
    variables: Mapping[str, str] = field(default_factory=dict)
    """environment of PID 1: PLATFORM, USERDATA, TALOSSKU on a container node"""
    arguments: KernelArguments = field(default_factory=KernelArguments)
    """of the kernel's command line; none in a container, whose kernel was started for something else"""
    root: Path = Path("/")
    """prefix of every path, "/" on a node, a folder in tests"""
    clock: Clock = field(default_factory=LoopClock)
    lacks_sys_resource: bool = False
    """PID 1 has no CAP_SYS_RESOURCE: nothing may lower an oom_score_adj"""

    @property
    def mode(self) -> str:
        """container, cloud or metal: what the Version reply calls the mode."""
        return self.platform if self.platform in {CONTAINER, METAL} else CLOUD

    @property
    def in_container(self) -> bool:
        """A container must not set its host's clock, sysctls or anything else outside its namespaces."""
        return self.mode == CONTAINER

    @property
    def program_environment(self) -> dict[str, str]:
        """Variables for every program that the node starts, from kernel arguments talos.environment=NAME=VALUE."""
        pairs = (value.partition("=") for value in self.arguments.values("talos.environment"))
        return {name: value for name, equals, value in pairs if name and equals}

    def path(self, absolute: str | Path) -> Path:
        """A path of the node, below `root`."""
        return self.root / str(absolute).lstrip("/")

    @classmethod
    def detect(cls) -> NodeEnvironment:
        """The environment of the running node. PLATFORM is set by whoever starts a container node; a machine is told
        by the kernel argument talos.platform."""
        variables = dict(os.environ)
        if variables.get("PLATFORM") == CONTAINER:
            arguments = KernelArguments()
        else:
            arguments = KernelArguments(Path("/proc/cmdline").read_text())
        return cls(
            platform=variables.get("PLATFORM") or arguments.last("talos.platform") or METAL,
            variables=variables,
            arguments=arguments,
            lacks_sys_resource=not _has_capability(24),
        )


def _has_capability(number: int) -> bool:
    """Whether PID 1's bounding set holds a capability (capabilities(7)); reads /proc because the bounding set of a
    service forked with fewer rights says nothing about the programs that machined starts."""
    for line in Path("/proc/1/status").read_text().splitlines():
        if line.startswith("CapBnd:"):
            return bool(int(line.split()[1], 16) >> number & 1)
    return False
