"""Every command and flag of Talos' own client is there, with its short form, kind and default: scripts use them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import click
import pytest

from talos import versions
from talos.talosctl.commands import talosctl

CONTRACT = Path(__file__).parent / "flags_by_command.txt"
CLIENT = ("--context", "--siderov1-keys-dir", "--talosconfig", "-c --cluster", "-e --endpoints", "-n --nodes")
OURS = {
    # Versions and images are ours.
    "--kubernetes-version": versions.DEFAULT_KUBERNETES_VERSION,
    "--to": versions.DEFAULT_KUBERNETES_VERSION,
    "--k8s-version": f"v{versions.DEFAULT_KUBERNETES_VERSION}",
    "--etcd-version": versions.ETCD_VERSION,
    "--flannel-version": versions.FLANNEL_VERSION,
    "--coredns-version": versions.COREDNS_VERSION,
    # Found out or chosen when the command runs.
    **dict.fromkeys(("--install-image", "--image", "--talos-version", "--talos-tag", "--cidr", "--subnet"), ""),
    # There is no such image among those of this system; folders of CNI plugins are no matter of the host.
    **dict.fromkeys(("--kube-network-policies-version", "--cni-bin-path", "--cni-bundle-url"), ""),
    **dict.fromkeys(("--cni-cache-dir", "--cni-conf-dir"), ""),
}
"""flag -> our default where it is another one"""
ANYWHERE = {"cluster": ("--name", "--remote-endpoint", "--state"), "meta": ("--cert-fingerprint",)}
"""flags of a group that stand at its commands here; they may be written before them all the same"""


class Flag(NamedTuple):
    short: str
    name: str
    kind: str
    default: str


def contract() -> Iterator[tuple[str, list[str], bool, list[Flag]]]:
    """Path, aliases, whether it speaks to nodes, flags."""
    found: list[tuple[str, list[str], bool, list[Flag]]] = []
    for line in CONTRACT.read_text().splitlines():
        if line.startswith("  "):
            match = re.fullmatch(r"  (?:(-\S) )?(--\S+) (\S+)(?: (.*))?", line)
            assert match, line
            found[-1][3].append(Flag(match[1] or "", match[2], match[3], match[4] or ""))
        elif not line.startswith("#"):
            path, *marks = re.split(r" \[|\](?: \[)?", line.removesuffix("]"))
            aliases = [alias for mark in marks if mark != "+client" for alias in mark.split(",")]
            found.append((path, aliases, "+client" in marks, []))
    yield from found


def find(path: str) -> click.Command | None:
    command: click.Command | None = talosctl
    for word in path.split():
        assert isinstance(command, click.Group), path
        command = command.get_command(click.Context(command), word)
        if command is None:
            return None
    return command


ROWS = list(contract())


def test_the_contract_is_read() -> None:
    assert len(ROWS) > 130 and sum(len(flags) for *_, flags in ROWS) > 470


@pytest.mark.parametrize(("path", "aliases", "client", "flags"), ROWS, ids=[row[0] for row in ROWS])
def test_a_command_and_its_flags_are_there(path: str, aliases: list[str], client: bool, flags: list[Flag]) -> None:
    command = find(path)
    assert command is not None
    parent = path.rpartition(" ")[0]
    for alias in aliases:
        other = find(f"{parent} {alias}".strip())
        assert other is not None and other.name == command.name, alias
    options = {name: p for p in command.params if isinstance(p, click.Option) for name in p.opts}
    if client and not isinstance(command, click.Group):
        for flag in CLIENT:
            assert len({id(options[name]) for name in flag.split()}) == 1, flag
    for flag in flags:
        if flag.name in ANYWHERE.get(path, ()):
            assert isinstance(command, click.Group)
            for child in command.list_commands(click.Context(command)):
                found = command.get_command(click.Context(command), child)
                assert found is not None and any(flag.name in p.opts for p in found.params), (child, flag.name)
            continue
        option = options.get(flag.name)
        assert option is not None, flag.name
        assert not flag.short or options.get(flag.short) is option, flag
        switch = flag.kind == "bool"
        assert option.is_flag is switch, flag
        assert _default(option) in (flag.default, OURS.get(flag.name)), flag


def _default(option: click.Option) -> str:
    """As the contract writes it."""
    value = option.get_default(click.Context(talosctl))
    if option.is_flag:
        return str(bool(value)).lower()
    if isinstance(value, float):
        return f"{value:g}"
    if value is None or "UNSET" in str(value):
        return ""
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
