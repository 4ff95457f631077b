"""/proc/stat and /proc/meminfo as values (proc(5)): the API's statistics and the node's resources are made of them."""

from __future__ import annotations

import os

from msgspec import Struct, field

CPU_TIMES = ("user", "nice", "system", "idle", "iowait", "irq", "soft_irq", "steal", "guest", "guest_nice")


class Stat(Struct):
    """/proc/stat. Times in seconds by the names of CPU_TIMES."""

    total: dict[str, float] = field(default_factory=dict)
    cpus: list[dict[str, float]] = field(default_factory=list)
    counters: dict[str, list[int]] = field(default_factory=dict)
    """the other lines, by their first word"""


def stat(text: str) -> Stat:
    """Of the file's text."""
    found = Stat()
    tick = os.sysconf("SC_CLK_TCK")
    for line in text.splitlines():
        name, *values = line.split()
        numbers = [int(value) for value in values]
        if not name.startswith("cpu"):
            found.counters[name] = numbers
            continue
        times = {key: value / tick for key, value in zip(CPU_TIMES, numbers, strict=False)}
        if name == "cpu":
            found.total = times
        else:
            found.cpus.append(times)
    return found


def meminfo(text: str) -> dict[str, int]:
    """The kernel's name → KiB, or pages for HugePages_*."""
    found = {}
    for line in text.splitlines():
        name, _, rest = line.partition(":")
        found[name] = int(rest.split()[0])
    return found
