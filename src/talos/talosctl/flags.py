"""Command lines as the flags library of Talos' own client reads them, put into the form that click reads.

Click alone differs where people would notice: --wait=false, -n=a,b, -kf, a flag before the command it belongs to. Its
parser is not replaced, because types, defaults, help and completion hang on it: what was written in any of the allowed
forms reaches it as --name=value, every switch at most once, and arguments behind a double dash.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import click

_TRUE = frozenset({"1", "t", "T", "true", "TRUE", "True"})
_FALSE = frozenset({"0", "f", "F", "false", "FALSE", "False"})
HELP = frozenset({"-h", "--help"})


class _Flags:
    """Options of a command by long and by short name."""

    def __init__(self, options: Sequence[click.Parameter]) -> None:
        self.long: dict[str, click.Option] = {}
        self.negative: dict[str, click.Option] = {}
        self.short: dict[str, click.Option] = {}
        for option in options:
            if isinstance(option, click.Option):
                for name in option.opts:
                    (self.long if name.startswith("--") else self.short)[name.lstrip("-")] = option
                for name in option.secondary_opts:
                    self.negative[name.lstrip("-")] = option


def _long_name(option: click.Option) -> str:
    return next((name for name in option.opts if name.startswith("--")), option.opts[0])


def _boolean(text: str, written: str, ctx: click.Context) -> bool:
    if text in _TRUE:
        return True
    if text in _FALSE:
        return False
    raise click.UsageError(f"invalid argument {text!r} for {written!r}: it is true or false", ctx)


def canonical(options: Sequence[click.Parameter], args: Sequence[str], ctx: click.Context) -> list[str]:
    """The command line for click. UsageError names a flag that is unknown or lacks its value."""
    flags = _Flags(options)
    valued: list[str] = []
    switches: dict[str, tuple[click.Option, bool]] = {}
    positional: list[str] = []
    left = iter(args)
    for arg in left:
        if arg == "--":
            positional += left
            break
        if len(arg) < 2 or not arg.startswith("-"):
            positional.append(arg)
            continue
        found = _long(arg, flags, left, ctx) if arg.startswith("--") else _short(arg, flags, left, ctx)
        for option, value, written in found:
            if option.is_flag:
                switches[_long_name(option)] = (option, _boolean(value, written, ctx))
            else:
                valued.append(f"{_long_name(option)}={value}")
    result = valued
    for name, (option, on) in switches.items():
        if on:
            result.append(name)
        else:
            result += option.secondary_opts[:1]
    return [*result, "--", *positional] if positional else result


Found = Iterator[tuple[click.Option, str, str]]
"""option, its value, and how it was written"""


def _long(arg: str, flags: _Flags, left: Iterator[str], ctx: click.Context) -> Found:
    name, equals, value = arg[2:].partition("=")
    if not name or name.startswith("-"):
        raise click.UsageError(f"bad flag syntax: {arg}", ctx)
    if name in flags.negative and not equals:
        yield flags.negative[name], "false", f"--{name}"
        return
    option = flags.long.get(name)
    if option is None:
        raise click.NoSuchOption(f"--{name}", f"unknown flag: --{name}{_near(name, flags)}", ctx=ctx)
    if not equals:
        value = "true" if option.is_flag else _next(left, f"--{name}", ctx)
    yield option, value, f"--{name}"


def _short(arg: str, flags: _Flags, left: Iterator[str], ctx: click.Context) -> Found:
    """-v, -kf, -n10.0.0.1, -n 10.0.0.1, -n=10.0.0.1"""
    rest = arg[1:]
    while rest:
        letter, rest = rest[0], rest[1:]
        option = flags.short.get(letter)
        if option is None:
            raise click.NoSuchOption(f"-{letter}", f"unknown shorthand flag: {letter!r} in {arg}", ctx=ctx)
        if len(rest) > 1 and rest.startswith("="):
            yield option, rest[1:], f"-{letter}"
            return
        if option.is_flag:
            yield option, "true", f"-{letter}"
        elif rest:
            yield option, rest, f"-{letter}"
            return
        else:
            yield option, _next(left, f"-{letter}", ctx), f"-{letter}"


def _next(left: Iterator[str], written: str, ctx: click.Context) -> str:
    for value in left:
        return value
    raise click.UsageError(f"flag needs an argument: {written}", ctx)


def _near(name: str, flags: _Flags) -> str:
    import difflib

    near = difflib.get_close_matches(name, flags.long, 1, 0.7)
    return f"; did you mean --{near[0]}?" if near else ""


def split(options: Sequence[click.Parameter], args: Sequence[str]) -> tuple[list[str], str | None, list[str]]:
    """(flags before it, name of the subcommand, all after it); the name is None if there is none.

    Which flags a subcommand has is not known before it is: what begins with a dash and holds no = takes the next word
    with it, unless it is a switch of the group itself.
    """
    flags = _Flags(options)
    index = 0
    while index < len(args):
        arg = args[index]
        if arg == "--":
            break
        if not arg.startswith("-") or arg == "-":
            return list(args[:index]), arg, list(args[index + 1 :])
        known = flags.long.get(arg[2:]) if arg.startswith("--") else flags.short.get(arg[1:2])
        switch = arg in HELP or (known is not None and known.is_flag)
        alone = "=" in arg or switch or (not arg.startswith("--") and len(arg) != 2)
        index += 1 if alone else 2
    return list(args), None, []
