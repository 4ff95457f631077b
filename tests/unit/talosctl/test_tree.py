"""Every command, alias, flag, default and argument count of Talos' own client is there.

tests/golden/talosctl/commands.txt lists them: a line a command, its flags indented below it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
import pytest

from talos.talosctl.commands import talosctl
from talos.talosctl.options import DURATION, Duration, ListOption

LIST = Path(__file__).parents[2] / "golden" / "talosctl" / "commands.txt"
CLIENT = """
  --context string default=""
  --siderov1-keys-dir string default=""
  --talosconfig string default=""
  -c --cluster string default=""
  -e --endpoints stringSlice default="[]"
  -n --nodes stringSlice default="[]"
"""
OURS = {
    # Default versions and images are ours, and so are the folders of local clusters.
    *("install-image", "kubernetes-version", "image", "to", "k8s-version", "etcd-version", "flannel-version"),
    *("kubelet-image", "talos-version", "talos-tag", "coredns-version", "cidr", "subnet", "state", "provisioner"),
    *("kube-network-policies-version", "cni-bundle-url", "cni-bin-path", "cni-cache-dir", "cni-conf-dir"),
    *("siderov1-keys-dir", "image-factory-url"),
    "bgp-vrf-neighbor",
}
COUNTS = {
    # The version is an argument that must look like one: the probe behind the list passed words.
    "image talos-bundle": {0, 1},
}


@dataclass
class Flag:
    name: str
    short: str
    kind: str
    default: str
    required: bool
    persistent: bool


@dataclass
class Known:
    path: str
    aliases: list[str]
    counts: set[int]
    runnable: bool
    client: bool
    flags: list[Flag] = field(default_factory=list)


def _flag(line: str) -> Flag:
    match = re.match(r'\s+(?:-(\w) )?--(\S+) (.*?) default="(.*?)"(?: (.*))?$', line)
    assert match, line
    words = (match[5] or "").split()
    return Flag(match[2], match[1] or "", match[3], match[4], "required" in words, "persistent" in words)


def known() -> list[Known]:
    found: list[Known] = []
    names: set[str] = set()
    for line in LIST.read_text().splitlines():
        if line.startswith("cmd talosctl "):
            words = line.removeprefix("cmd talosctl ").split()
            path: list[str] = []
            for word in words:
                # a path is made of commands already met and one more word
                path.append(word)
                if " ".join(path) not in names:
                    break
            rest = line.partition(" ".join(path))[2]
            aliases = re.search(r"aliases=(\S+)", rest)
            counts = re.search(r"argcounts\(of 0-4\)=(\S+)", rest)
            found.append(
                Known(
                    " ".join(path),
                    aliases[1].split(",") if aliases else [],
                    {int(n) for n in counts[1].split(",")} if counts else {0, 1, 2, 3, 4},
                    " runnable" in rest,
                    "+client" in rest,
                )
            )
            names.add(found[-1].path)
        elif line.startswith("  ") and found:
            found[-1].flags.append(_flag(line))
    return found


KNOWN = known()
BY_PATH = {entry.path: entry for entry in KNOWN}


def parents(entry: Known) -> list[Known]:
    words = entry.path.split()
    return [BY_PATH[" ".join(words[:count])] for count in range(1, len(words))]


def resolve(path: str) -> click.Command:
    command: click.Command = talosctl
    for word in path.split():
        assert isinstance(command, click.Group), f"{path}: {command.name} has no subcommands"
        inner = command.get_command(click.Context(command), word)
        assert inner is not None, f"talosctl {path} is missing"
        command = inner
    return command


def counts(command: click.Command) -> set[int]:
    arguments = [p for p in command.params if isinstance(p, click.Argument)]
    least = sum(1 for a in arguments if a.required)
    most = 4 if any(a.nargs == -1 for a in arguments) else len(arguments)
    return set(range(least, most + 1))


def kind(option: click.Option) -> str:
    if option.is_flag:
        return "bool"
    if isinstance(option, ListOption):
        return "list"  # for exposed-ports too, a text with commas there
    if option.multiple:
        return "array"
    if isinstance(option.type, Duration):
        return "duration"
    if isinstance(option.type, click.types.IntParamType | click.IntRange):
        return "int"
    return "float" if isinstance(option.type, click.types.FloatParamType) else "text"


def wanted(flag: Flag) -> str:
    table = {"bool": "bool", "duration": "duration", "float64": "float", "stringArray": "array", "mount": "array"}
    if flag.kind in table:
        return table[flag.kind]
    if flag.kind.endswith("Slice"):
        return "list"
    if flag.name == "exposed-ports" or flag.kind == "disks":
        return "list"
    return "int" if re.fullmatch(r"u?int\d*", flag.kind) else "text"


def same_default(flag: Flag, option: click.Option, ctx: click.Context) -> bool:
    value: Any = option.get_default(ctx)
    if value is click.core.UNSET:
        value = None
    match wanted(flag):
        case "bool":
            return bool(value) == (flag.default == "true")
        case "list" | "array":
            items = [value] if isinstance(value, str) else list(value or [])
            return [str(item) for item in items] == [part for part in flag.default.strip("[]").split(",") if part]
        case "duration":
            return DURATION.convert(value or 0, None, None) == DURATION.convert(flag.default, None, None)
        case "int" | "float":
            return float(value or 0) == float(flag.default)
    return str(value or "") == flag.default


@pytest.mark.parametrize("entry", KNOWN, ids=lambda entry: entry.path.replace(" ", "-"))
def test_command(entry: Known) -> None:
    command = resolve(entry.path)
    words = entry.path.split()
    for alias in entry.aliases:
        assert resolve(" ".join([*words[:-1], alias])) is command, f"alias {alias}"
    if not entry.runnable:
        return
    if isinstance(command, click.Group):
        assert command.invoke_without_command
    else:
        assert counts(command) == COUNTS.get(entry.path, entry.counts)
    flags = list(entry.flags)
    for parent in parents(entry):
        flags += [flag for flag in parent.flags if flag.persistent or parent.path in ("meta",)]
    if entry.client or any(parent.client for parent in parents(entry)):
        flags += [_flag(line) for line in CLIENT.strip("\n").splitlines()]
    context = click.Context(command)
    options = {name: p for p in command.params if isinstance(p, click.Option) for name in p.opts}
    wrong = []
    for flag in flags:
        option = options.get(f"--{flag.name}")
        if option is None:
            wrong.append(f"--{flag.name} {flag.kind} {flag.default} is missing")
            continue
        if flag.short and options.get(f"-{flag.short}") is not option:
            wrong.append(f"--{flag.name}: no -{flag.short}")
        if kind(option) != wanted(flag):
            wrong.append(f"--{flag.name} is {kind(option)}, not {wanted(flag)}")
        elif flag.name not in OURS and not same_default(flag, option, context):
            wrong.append(f"--{flag.name} defaults to {option.get_default(context)!r}, not {flag.default!r}")
        if flag.required and not option.required:
            wrong.append(f"--{flag.name} is not required")
    assert wrong == []


def test_the_list_was_read() -> None:
    assert len(KNOWN) == 136
    assert sum("+client" in line for line in LIST.read_text().splitlines()) > 40
    assert sum(len(entry.flags) for entry in KNOWN) > 570
