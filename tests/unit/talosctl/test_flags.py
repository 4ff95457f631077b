"""Flags in every form that Talos' own client takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import click
import pytest

from talos.talosctl.flags import split
from talos.talosctl.options import DURATION, ClientGroup, Command, ListOption


@click.command(cls=Command)
@click.option("-n", "--nodes", cls=ListOption)
@click.option("-p", "--patch", multiple=True)
@click.option("-f", "--follow", is_flag=True)
@click.option("-k", "--kubernetes", is_flag=True)
@click.option("--wait/--no-wait", default=True)
@click.option("-d", "--depth", type=int, default=1)
@click.option("--timeout", type=DURATION, default="1m0s")
@click.option("-o", "--output", default="")
@click.argument("rest", nargs=-1)
def command(**values: Any) -> dict[str, Any]:
    """Returns what it was given."""
    return values


@click.group(cls=ClientGroup)
@click.option("--force", is_flag=True)
def group(force: bool) -> None:
    """A group."""


group.add_command(command)


def parse(*args: str) -> dict[str, Any]:
    result = group.main(["command", *args], prog_name="x", standalone_mode=False)
    assert isinstance(result, dict)
    return result


@pytest.mark.parametrize(
    ("args", "name", "value"),
    [
        (["-n", "a,b"], "nodes", ["a", "b"]),
        (["-n=a,b"], "nodes", ["a", "b"]),
        (["-na", "-n", "b"], "nodes", ["a", "b"]),
        (["--nodes", "a", "--nodes=b,c"], "nodes", ["a", "b", "c"]),
        (['--nodes="a,b",c'], "nodes", ["a,b", "c"]),
        (["--nodes="], "nodes", []),
        (["-p", "a,b", "--patch=c"], "patch", ("a,b", "c")),
        (["-p={x: [1, 2]}"], "patch", ("{x: [1, 2]}",)),
        (["--wait=false"], "wait", False),
        (["--wait=F"], "wait", False),
        (["--wait=false", "--wait"], "wait", True),
        (["--no-wait"], "wait", False),
        (["--follow=0"], "follow", False),
        (["-fk"], "kubernetes", True),
        (["-f=false"], "follow", False),
        (["-kd3"], "depth", 3),
        (["-d", "-1"], "depth", -1),
        (["--depth=-1"], "depth", -1),
        (["--timeout", "1h30m"], "timeout", 5400.0),
        (["-o", "-"], "output", "-"),
        (["-o=jsonpath={.a}"], "output", "jsonpath={.a}"),
        (["-o", "a", "-o", "b"], "output", "b"),
        (["x", "-f", "y"], "rest", ("x", "y")),
        (["-f", "--", "-n", "y"], "rest", ("-n", "y")),
        (["-"], "rest", ("-",)),
    ],
)
def test_forms(args: list[str], name: str, value: object) -> None:
    assert parse(*args)[name] == value


@pytest.mark.parametrize(
    ("args", "text"),
    [
        (["--nosuch"], "unknown flag: --nosuch"),
        (["--node", "a"], "did you mean --nodes?"),
        (["-z"], "unknown shorthand flag: 'z' in -z"),
        (["-fz"], "'z' in -fz"),
        (["--nodes"], "flag needs an argument: --nodes"),
        (["-n"], "flag needs an argument: -n"),
        (["--wait=maybe"], "maybe"),
        (["---x"], "bad flag syntax"),
        (["--depth", "many"], "many"),
        (["--timeout", "soon"], "soon"),
    ],
)
def test_what_is_wrong_is_named(args: list[str], text: str) -> None:
    with pytest.raises(click.UsageError) as error:
        parse(*args)
    assert text in error.value.format_message()


@pytest.mark.parametrize(
    ("args", "found"),
    [
        (["-n", "a", "command", "x"], (["-n", "a"], "command", ["x"])),
        (["-na", "command"], (["-na"], "command", [])),
        (["--nodes=a", "command"], (["--nodes=a"], "command", [])),
        (["--force", "command", "-f"], (["--force"], "command", ["-f"])),
        (["-n", "a"], (["-n", "a"], None, [])),
        ([], ([], None, [])),
    ],
)
def test_where_the_subcommand_is(args: Sequence[str], found: object) -> None:
    assert split(group.params, args) == found
