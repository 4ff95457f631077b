"""Flags that many commands share, and values as Talos writes them: lists with commas, durations like 1m30s."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import click

from talos.talosctl.flags import HELP, canonical, split
from talos.talosctl.session import Session

F = TypeVar("F", bound=Callable[..., Any])

_UNIT_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")


class Duration(click.ParamType):  # type: ignore[type-arg]
    """Seconds, written as in Go: 20m0s, 1h30m, 250ms, 0."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, int | float):
            return float(value)
        parts = _PART.findall(value)
        if value == "0":
            return 0.0
        if not parts or "".join(number + unit for number, unit in parts) != value.lstrip("+"):
            self.fail(f"{value!r} is not a duration; write it like 90s, 1m30s or 2h", param, ctx)
        return sum(float(number) * _UNIT_S[unit] for number, unit in parts)


DURATION = Duration()


class ListOption(click.Option):
    """Repeatable, each occurrence may hold several values with commas; the value is a list of text."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["multiple"] = True
        super().__init__(*args, **kwargs)

    def type_cast_value(self, ctx: click.Context, value: Any) -> Any:
        texts: Sequence[str] = super().type_cast_value(ctx, value) or ()
        return [item.strip() for text in texts for item in _fields(text) if item.strip()]


def _fields(text: str) -> list[str]:
    """Values with commas between them; in quotes a comma is one (RFC 4180)."""
    if '"' not in text:
        return text.split(",")
    import csv

    return next(csv.reader([text]), [])


class Command(click.Command):
    """A command whose flags are written as Talos users write them (`talos.talosctl.flags`)."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, _canonical(self, ctx, args))


def _canonical(command: click.Command, ctx: click.Context, args: list[str]) -> list[str]:
    try:
        return canonical(command.get_params(ctx), args, ctx)
    except click.UsageError:
        if ctx.resilient_parsing:  # for completion: the last flag still waits for its value, those before it count
            return _canonical(command, ctx, args[:-1]) if args else []
        raise


def offer(source: str) -> Callable[..., Any]:
    """Completion by a function of talos.talosctl.complete, imported when the shell asks."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> Any:
        from talos.talosctl import complete as sources

        return sources.offer(getattr(sources, source))(ctx, param, incomplete)

    return complete


class Entry(NamedTuple):
    """Where a command is defined (module below talos.talosctl, attribute), and its line in the help."""

    where: str
    help: str
    aliases: tuple[str, ...] = ()
    hidden: bool = False
    section: str = "Commands"


class ClientGroup(click.Group):
    """A group whose subcommands' flags may stand before the subcommand's name as well. What is in `entries` is imported
    when it runs; help and suggestions come from the table alone."""

    def __init__(
        self, *args: Any, entries: dict[str, Entry] | None = None, aliases: dict[str, str] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.entries = entries or {}
        self.aliases = {alias: name for name, entry in self.entries.items() for alias in entry.aliases}
        self.aliases |= aliases or {}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(dict.fromkeys([*self.entries, *super().list_commands(ctx)]))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        name = self.aliases.get(cmd_name, cmd_name)
        entry = self.entries.get(name)
        if entry is None:
            return super().get_command(ctx, name)
        module, _, attribute = entry.where.partition(":")
        command = getattr(importlib.import_module(f"talos.talosctl.{module}"), attribute)
        assert isinstance(command, click.Command)
        return command

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        before, name, after = split(self.get_params(ctx), args)
        if name is not None:
            return super().parse_args(ctx, [name, *before, *after])
        if HELP.intersection(args) or not self.invoke_without_command:
            flags = [arg for arg in args if arg.startswith("-") and arg not in HELP]
            if flags and not HELP.intersection(args) and not ctx.resilient_parsing:
                raise click.UsageError(f"{flags[0]} needs a command to belong to", ctx)
            return super().parse_args(ctx, ["--help"])
        return super().parse_args(ctx, _canonical(self, ctx, args))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        command = self.get_command(ctx, args[0])
        if command is None:
            raise click.UsageError(
                f"unknown command {args[0]!r} for {ctx.command_path!r}{self._near(ctx, args[0])}", ctx
            )
        return args[0], command, args[1:]

    def _near(self, ctx: click.Context, name: str) -> str:
        import difflib

        near = difflib.get_close_matches(name, [*self.list_commands(ctx), *self.aliases], 1, 0.6)
        return f"; did you mean {near[0]!r}?" if near else f"; {ctx.command_path} --help lists them"

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            if name in self.entries:
                entry = self.entries[name]
                if not entry.hidden:
                    rows.setdefault(entry.section, []).append((name, entry.help))
            elif (command := super().get_command(ctx, name)) is not None and not command.hidden:
                rows.setdefault("Commands", []).append((name, command.get_short_help_str()))
        for section, lines in rows.items():
            with formatter.section(section):
                formatter.write_dl(lines)


def client_options(command: F) -> F:
    """The flags of every command that speaks to nodes. The command receives a Session as `session`."""

    def wrapper(
        *args: Any,
        talosconfig: str,
        context: str,
        cluster: str,
        endpoints: list[str],
        nodes: list[str],
        siderov1_keys_dir: str,
        **kwargs: Any,
    ) -> Any:
        session = Session(
            talosconfig=Path(talosconfig) if talosconfig else None,
            context=context,
            endpoints=endpoints,
            nodes=nodes,
            insecure=kwargs.pop("insecure", False),
            fingerprints=kwargs.pop("cert_fingerprint", ()),
        )
        return command(*args, session=session, **kwargs)

    wrapper.__name__ = command.__name__
    wrapper.__doc__ = command.__doc__
    wrapper.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    options = [
        click.option(
            "-n",
            "--nodes",
            cls=ListOption,
            metavar="NODE,...",
            help="nodes to send the command to",
            shell_complete=offer("nodes"),
        ),
        click.option(
            "-e",
            "--endpoints",
            cls=ListOption,
            metavar="ADDRESS,...",
            help="where to connect, instead of the endpoints of the context",
        ),
        click.option(
            "--talosconfig",
            default="",
            metavar="FILE",
            help="client configuration (default: TALOSCONFIG, else ~/.talos/config)",
        ),
        click.option(
            "--context",
            default="",
            metavar="NAME",
            help="context of the client configuration",
            shell_complete=offer("contexts"),
        ),
        click.option("-c", "--cluster", default="", metavar="NAME", help="cluster behind a proxying endpoint"),
        click.option("--siderov1-keys-dir", default="", hidden=True),
    ]
    for option in reversed(options):
        option(wrapper)
    return wrapper  # type: ignore[return-value]


def insecure_options(command: F) -> F:
    """Flags of commands that a node in maintenance mode answers. Put above `client_options`."""
    command = click.option(
        "--cert-fingerprint",
        cls=ListOption,
        metavar="SHA256,...",
        help="public keys to accept from the node, with --insecure (default: any)",
    )(command)
    return click.option(
        "-i", "--insecure", is_flag=True, help="the node is in maintenance mode: encrypt, but do not authenticate"
    )(command)
