"""Columns of `talosctl cgroups`: the presets, and those of a schema file.

A template is a piece of text around {{ .Field.Method ARG | printf "%8s" }}; a field is a file of control groups v2 in
camel case (MemoryCurrent is memory.current), a key of one where the file has keys (CPUStat.UsageUsec), or a device's.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any

import click
import yaml

from talos.talosctl.cgroup_tree import Group

Column = tuple[str, Callable[[Group], str]]
UNSET = "unset"
_EXPRESSION = re.compile(r"\{\{-?\s*(.*?)\s*-?\}\}")
_PREFIXES = ("cgroup", "cpuset", "cpu", "io", "memory", "pids")


def number(group: Group, name: str) -> float | None:
    """A file of one number; None where it is missing, infinity for max."""
    text = group.files.get(name, "")
    if text == "max":
        return float("inf")
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else None


def keyed(group: Group, name: str, key: str) -> float | None:
    """A value of a file with a key a line (cpu.stat)."""
    match = re.search(rf"^{re.escape(key)} (\d+)$", group.files.get(name, ""), re.MULTILINE)
    return float(match[1]) if match else None


def pressure(group: Group, name: str, kind: str, key: str) -> str:
    """A value of a file of pressure: some avg10=0.00 avg60=0.00 avg300=0.00 total=0"""
    match = re.search(rf"^{kind} .*?\b{key}=([\d.]+)", group.files.get(name, ""), re.MULTILINE)
    return match[1] if match else UNSET


def _bytes(value: float | None) -> str:
    if value is None:
        return UNSET
    if value == float("inf"):
        return "max"
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1024 or unit == "TiB":
            return f"{value:.1f} {unit}" if value < 10 and unit != "B" else f"{value:.0f} {unit}"
        value /= 1024
    raise AssertionError("unreachable")


def _count(value: float | None) -> str:
    return UNSET if value is None else "max" if value == float("inf") else f"{value:.0f}"


def _percent(value: float | None, of: float | None) -> str:
    if value is None or of is None:
        return f"{UNSET}%"
    return "-" if of in (0, float("inf")) else f"{100 * value / of:.2f}%"


def _seconds(value: float | None) -> str:
    return UNSET if value is None else f"{value / 1e6:.2f}s"


def _of(title: str, name: str, shown: Callable[[float | None], str] = _count) -> Column:
    return title, lambda group: shown(number(group, name))


def _text(title: str, name: str) -> Column:
    return title, lambda group: group.files.get(name, "") or UNSET


def _share(title: str, key: str) -> Column:
    """Part of what the parent uses."""

    def value(group: Group) -> str:
        if group.parent is None:
            return "-"
        return _percent(keyed(group, "cpu.stat", key), keyed(group.parent, "cpu.stat", key))

    return title, value


def _io(title: str, keys: tuple[str, str], shown: Callable[[float | None], str]) -> Column:
    """Read and written, of all devices (io.stat)."""

    def value(group: Group) -> str:
        text = group.files.get("io.stat", "")
        sums = [sum(float(n) for n in re.findall(rf"\b{key}=(\d+)", text)) for key in keys]
        return f"{shown(sums[0])}/{shown(sums[1])}" if text else UNSET

    return title, value


def _pressure(title: str, name: str, kind: str, key: str) -> Column:
    return title, lambda group: pressure(group, name, kind, key)


_PRESETS: dict[str, tuple[Column, ...]] = {
    "cpu": (
        _of("CpuWeight", "cpu.weight"),
        _of("CpuNice", "cpu.weight.nice"),
        ("CpuMax", lambda group: f"[{group.files.get('cpu.max', '')}]"),
        ("CpuUser", lambda group: _seconds(keyed(group, "cpu.stat", "user_usec"))),
        _share("User/%", "user_usec"),
        ("CpuSystem", lambda group: _seconds(keyed(group, "cpu.stat", "system_usec"))),
        _share("System/%", "system_usec"),
        ("Throttled", lambda group: _seconds(keyed(group, "cpu.stat", "throttled_usec"))),
    ),
    "cpuset": (
        _text("CpuSet", "cpuset.cpus"),
        _text("CpuSet(Eff)", "cpuset.cpus.effective"),
        _text("Mems", "cpuset.mems"),
        _text("Mems(Eff)", "cpuset.mems.effective"),
    ),
    "io": (
        _io("Bytes Read/Written", ("rbytes", "wbytes"), _bytes),
        _io("ios Read/Write", ("rios", "wios"), _count),
        _pressure("PressAvg10", "io.pressure", "some", "avg10"),
        _pressure("PressAvg60", "io.pressure", "some", "avg60"),
        _pressure("PressTotal", "io.pressure", "some", "total"),
    ),
    "memory": (
        _of("MemCurrent", "memory.current", _bytes),
        _of("MemPeak", "memory.peak", _bytes),
        _of("MemLow", "memory.low", _bytes),
        ("Peak/Low", lambda group: _percent(number(group, "memory.peak"), number(group, "memory.low"))),
        _of("MemHigh", "memory.high", _bytes),
        _of("MemMin", "memory.min", _bytes),
        ("Current/Min", lambda group: _percent(number(group, "memory.current"), number(group, "memory.min"))),
        _of("MemMax", "memory.max", _bytes),
    ),
    "process": (
        _of("PidsCurrent", "pids.current"),
        _of("PidsPeak", "pids.peak"),
        _of("PidsMax", "pids.max"),
        ("Procs", lambda group: str(len(group.files.get("cgroup.procs", "").split()))),
        ("Threads", lambda group: str(len(group.files.get("cgroup.threads", "").split()))),
        ("Processes", lambda group: f"[{' '.join(sorted(group.processes))}]"),
    ),
    "psi": (
        _of("MemCurrent", "memory.current", _bytes),
        _pressure("MemPsiSome10", "memory.pressure", "some", "avg10"),
        _pressure("MemPsi10", "memory.pressure", "full", "avg10"),
        _pressure("CpuPsi10", "cpu.pressure", "full", "avg10"),
        _pressure("IoPsi10", "io.pressure", "full", "avg10"),
    ),
    "swap": (
        _of("SwapCurrent", "memory.swap.current", _bytes),
        _of("SwapPeak", "memory.swap.peak", _bytes),
        _of("SwapHigh", "memory.swap.high", _bytes),
        _of("SwapMax", "memory.swap.max", _bytes),
        _of("ZswapCurrent", "memory.zswap.current", _bytes),
        _of("ZswapMax", "memory.zswap.max", _bytes),
        _of("ZswapWriteback", "memory.zswap.writeback"),
    ),
}


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
    "UsecToDuration": _seconds,
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
