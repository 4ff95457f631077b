"""Columns of `talosctl cgroups`: the presets, and those of a schema file.

A template is a piece of text around {{ .Field.Method ARG | printf "%8s" }}; a field is a file of control groups v2 in
camel case (MemoryCurrent is memory.current), a key of one where the file has keys (CPUStat.UsageUsec), or a device's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import click
import yaml

from talos.state.go_text import duration
from talos.talosctl.cgroup_tree import Group
from talos.talosctl.output import binary_size

Column = tuple[str, Callable[[Group], str]]
UNSET = "unset"
_EXPRESSION = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}")
_PREFIXES = ("cgroup", "cpuset", "cpu", "io", "memory", "pids")


def number(group: Group, name: str) -> float | None:
    """A file of one number; None where it is missing, infinity for max."""
    text = group.files.get(name, "")
    if text == "max":
        return float("inf")
    return float(text) if re.fullmatch(r"-?\d+(\.\d+)?", text) else None


def keyed(group: Group, name: str, key: str) -> float | None:
    """A value of a file with a key a line (cpu.stat)."""
    match = re.search(rf"^{re.escape(key)} (\d+)$", group.files.get(name, ""), re.MULTILINE)
    return float(match[1]) if match else None


def pressure(group: Group, name: str, kind: str, key: str) -> str:
    """A value of a file of pressure: some avg10=0.00 avg60=0.00 avg300=0.00 total=0"""
    match = re.search(rf"^{kind} .*?\b{key}=([\d.]+)", group.files.get(name, ""), re.MULTILINE)
    return match[1] if match else UNSET


def _bytes(value: float | None) -> str:
    return binary_size(value) if value is not None and value != float("inf") else _count(value)


def _count(value: float | None) -> str:
    return UNSET if value is None else "max" if value == float("inf") else f"{value:.0f}"


def _percent(value: float | None, of: float | None) -> str:
    """As hundredths; of nothing everything is infinitely much, and nothing is a part of max."""
    if value is None or of is None:
        return UNSET
    if of == float("inf"):
        return "100.00" if value == of else "0.00"
    return "max" if of == 0 or value == float("inf") else f"{100 * value / of:.2f}"


def _time(value: float | None) -> str:
    return _count(value) if value in (None, float("inf")) else duration(timedelta(microseconds=int(value or 0)))


def _of(title: str, name: str, shown: Callable[[float | None], str] = _bytes, width: int = 8) -> Column:
    return title, lambda group: shown(number(group, name)).rjust(width)


def _text(title: str, name: str) -> Column:
    return title, lambda group: group.files.get(name, "").rjust(12)


def _spent(title: str, key: str) -> Column:
    return title, lambda group: _time(keyed(group, "cpu.stat", key)).rjust(12)


def _share(title: str, key: str) -> Column:
    """Part of what the parent uses."""

    def value(group: Group) -> str:
        if group.parent is None:
            return "-"
        share = _percent(keyed(group, "cpu.stat", key), keyed(group.parent, "cpu.stat", key))
        return f"{share:>6}%"

    return title, value


def _ratio(title: str, name: str, other: str) -> Column:
    return title, lambda group: f"{_percent(number(group, name), number(group, other)):>6}%"


def _io(title: str, keys: tuple[str, str], shown: Callable[[float | None], str], *, of_the_root: bool) -> Column:
    """Read and written, device by device (io.stat)."""

    def value(group: Group) -> str:
        if group.parent is None and not of_the_root:
            return ""
        devices = []
        for line in sorted(group.files.get("io.stat", "").splitlines()):
            device, *pairs = line.split()
            counts = dict(pair.split("=", 1) for pair in pairs if "=" in pair)
            if all(counts.get(key, "").isdigit() for key in keys):
                devices.append(f"{device}: {'/'.join(shown(int(counts[key])) for key in keys)} ")
        return "".join(devices)

    return title, value


def _pressure(title: str, name: str, kind: str, key: str) -> Column:
    return title, lambda group: pressure(group, name, kind, key).rjust(6)


def _stalled(title: str, name: str) -> Column:
    def value(group: Group) -> str:
        total = pressure(group, name, "some", "total")
        return (_time(int(total)) if total.isdigit() else total).rjust(12)

    return title, value


def _lines(title: str, name: str) -> Column:
    return title, lambda group: f"{len(group.files.get(name, '').split()):7d}"


_PRESETS: dict[str, tuple[Column, ...]] = {
    "cpu": (
        _of("CpuWeight", "cpu.weight", _count, 6),
        _of("CpuNice", "cpu.weight.nice", _count, 6),
        ("CpuMax", lambda group: f"[{' '.join(part.rjust(6) for part in group.files.get('cpu.max', '').split())}]"),
        _spent("CpuUser", "user_usec"),
        _share("User/%", "user_usec"),
        _spent("CpuSystem", "system_usec"),
        _share("System/%", "system_usec"),
        _spent("Throttled", "throttled_usec"),
    ),
    "cpuset": (
        _text("CpuSet", "cpuset.cpus"),
        _text("CpuSet(Eff)", "cpuset.cpus.effective"),
        _text("Mems", "cpuset.mems"),
        _text("Mems(Eff)", "cpuset.mems.effective"),
    ),
    "io": (
        _io("Bytes Read/Written", ("rbytes", "wbytes"), _bytes, of_the_root=True),
        _io("ios Read/Write", ("rios", "wios"), _count, of_the_root=False),
        _pressure("PressAvg10", "io.pressure", "some", "avg10"),
        _pressure("PressAvg60", "io.pressure", "some", "avg60"),
        _stalled("PressTotal", "io.pressure"),
    ),
    "memory": (
        _of("MemCurrent", "memory.current"),
        _of("MemPeak", "memory.peak"),
        _of("MemLow", "memory.low"),
        _ratio("Peak/Low", "memory.peak", "memory.low"),
        _of("MemHigh", "memory.high"),
        _of("MemMin", "memory.min"),
        _ratio("Current/Min", "memory.current", "memory.min"),
        _of("MemMax", "memory.max"),
    ),
    "process": (
        _of("PidsCurrent", "pids.current", _count),
        _of("PidsPeak", "pids.peak", _count),
        _of("PidsMax", "pids.max", _count),
        _lines("Procs", "cgroup.procs"),
        _lines("Threads", "cgroup.threads"),
        ("Processes", lambda group: f"[{' '.join(group.processes)}]"[:50] if group.parent is not None else ""),
    ),
    "psi": (
        _of("MemCurrent", "memory.current"),
        _pressure("MemPsiSome10", "memory.pressure", "some", "avg10"),
        _pressure("MemPsi10", "memory.pressure", "full", "avg10"),
        _pressure("CpuPsi10", "cpu.pressure", "full", "avg10"),
        _pressure("IoPsi10", "io.pressure", "full", "avg10"),
    ),
    "swap": (
        _of("SwapCurrent", "memory.swap.current"),
        _of("SwapPeak", "memory.swap.peak"),
        _of("SwapHigh", "memory.swap.high"),
        _of("SwapMax", "memory.swap.max"),
        _of("ZswapCurrent", "memory.zswap.current"),
        _of("ZswapMax", "memory.zswap.max"),
        _of("ZswapWriteback", "memory.zswap.writeback", _count, 0),
    ),
}
"""each cell padded on the left as Talos' own client pads it, so that numbers of one column stand below one another"""


def preset_columns(name: str) -> Sequence[Column]:
    """Columns of a preset."""
    return _PRESETS[name]


def from_schema(text: str) -> list[Column]:
    """Columns of a schema file. ClickException names the column that cannot be read."""
    try:
        schema = yaml.safe_load(text)
        entries = [(str(column["name"]), str(column["template"])) for column in schema["columns"]]
    except (yaml.YAMLError, KeyError, TypeError) as error:
        raise click.ClickException(f"the schema holds no columns with name and template: {error}") from error
    return [(name, _template(name, template)) for name, template in entries]


def _template(column: str, template: str) -> Callable[[Group], str]:
    parts: list[Any] = []
    at = 0
    for match in _EXPRESSION.finditer(template):
        parts += [template[at : match.start()], _expression(column, match[1])]
        at = match.end()
    parts.append(template[at:])
    return lambda group: "".join(part if isinstance(part, str) else part(group) for part in parts)


_METHODS: dict[str, Callable[[float | None], str]] = {
    "": _count,
    "HumanizeIBytes": _bytes,
    "HumanizeBytes": _bytes,
    "UsecToDuration": _time,
    "String": _count,
}


def _expression(column: str, text: str) -> Callable[[Group], str]:
    body, _, filters = (part.strip() for part in text.partition("|"))
    form = re.fullmatch(r'printf\s+"%(-?)(\d*)[sv]"', filters) if filters else None
    match = re.fullmatch(r"\.(\w+)(?:\.(\w+))?(?:\.(\w+))?", body)
    if match is None or (filters and form is None):
        raise click.ClickException(
            f"column {column}: cannot read {text!r}; write {{{{ .MemoryCurrent.HumanizeIBytes }}}}"
        )
    name, key, method = match[1], match[2] or "", match[3] or ""
    if key in _METHODS and not method:
        key, method = "", key
    if method not in _METHODS:
        raise click.ClickException(
            f"column {column}: {method} is unknown; known are {', '.join(filter(None, _METHODS))}"
        )
    file, entry, shown = _file(name), _words(key, "_"), _METHODS[method]

    def value(group: Group) -> str:
        found = shown(keyed(group, file, entry) if entry else number(group, file))
        if form is None:
            return found
        width = int(form[2] or 0)
        return found.ljust(width) if form[1] else found.rjust(width)

    return value


def _words(name: str, joint: str) -> str:
    return joint.join(re.findall(r"[A-Z]+(?![a-z])|[A-Z][a-z0-9]*|[a-z0-9]+", name)).lower()


def _file(name: str) -> str:
    """MemorySwapCurrent: memory.swap.current; CPUStat: cpu.stat."""
    words = _words(name, ".")
    return words if words.split(".")[0] in _PREFIXES else words.replace(".", "_", 1)
