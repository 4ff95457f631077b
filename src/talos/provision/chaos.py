"""A network as bad as asked for: what reaches a node is delayed, lost, damaged or slow (tc-netem(8), tc-tbf(8)).

It is done to the host's end of each node's network card, so between two nodes as between host and node. The words are
those of tc, which every host with iproute2 has; whether the kernel knows them is tried before anything is started.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from dataclasses import dataclass

from talos.provision.model import ProvisionError


@dataclass(frozen=True, slots=True)
class Chaos:
    """latency and jitter in seconds, shares from 0 to 1, bandwidth in kbit/s (0: no limit)."""

    latency_s: float = 0.0
    jitter_s: float = 0.0
    loss: float = 0.0
    corrupt: float = 0.0
    reorder: float = 0.0
    bandwidth_kbit: int = 0

    def words(self) -> list[str]:
        """What tc is told, nothing where nothing is wanted. ProvisionError."""
        for flag, share in (("loss", self.loss), ("corrupt", self.corrupt), ("reorder", self.reorder)):
            if not 0 <= share <= 1:
                raise ProvisionError(f"--with-network-packet-{flag} {share:g}: give a share from 0 to 1, 0.05 for 5 %")
        if self.latency_s < 0 or self.jitter_s < 0 or self.bandwidth_kbit < 0:
            raise ProvisionError("--with-network-latency, -jitter and -bandwidth must not be negative")
        if self.latency_s < self.jitter_s:
            raise ProvisionError("--with-network-jitter must not be more than --with-network-latency")
        if self.reorder and not self.latency_s:
            raise ProvisionError("--with-network-packet-reorder needs --with-network-latency")
        found = []
        if self.latency_s:
            found += ["delay", *(f"{round(value * 1e6)}us" for value in (self.latency_s, self.jitter_s) if value)]
        for word, share in (("loss", self.loss), ("corrupt", self.corrupt), ("reorder", self.reorder)):
            if share:
                found += [word, f"{share * 100:g}%"]
        if found:
            return ["netem", *found, *(["rate", f"{self.bandwidth_kbit}kbit"] if self.bandwidth_kbit else [])]
        if self.bandwidth_kbit:
            burst = max(4096, self.bandwidth_kbit * 1000 // 8 // 100)  # what comes in a hundredth of a second
            return ["tbf", "rate", f"{self.bandwidth_kbit}kbit", "burst", f"{burst}b", "latency", "400ms"]
        return []


def apply(link: str, words: list[str]) -> None:
    """Make a link so. ProvisionError with tc's complaint."""
    if not words:
        return
    program = shutil.which("tc", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if program is None:
        raise ProvisionError("tc is not installed on this host: install the package iproute2")
    command = [program, "qdisc", "replace", "dev", link, "root", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ProvisionError(
            f"the network cannot be made as bad as asked for: {done.stderr.strip()} (module sch_{words[0]}): "
            f"{' '.join(command)}"
        )
