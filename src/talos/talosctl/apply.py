"""Sending a machine configuration to a node; shared by apply-config, patch, edit, restore and sync.

Without --confirm-within and --force-guard it is Talos' own method, which any Talos node understands.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from talos.talosctl.options import DURATION, ListOption
from talos.talosctl.session import Session

if TYPE_CHECKING:
    from talos.api import pytalos_config_pb2 as pb

F = TypeVar("F", bound=Callable[..., Any])

MODES = {"auto": "AUTO", "no-reboot": "NO_REBOOT", "staged": "STAGED", "try": "TRY"}


@dataclass(frozen=True, slots=True)
class HowToApply:
    """The flags of `mode_options`."""

    mode: str = "auto"
    try_timeout_s: float = 60.0
    dry_run: bool = False
    confirm_within_s: float = 0.0
    force_guards: tuple[str, ...] = ()

    @property
    def beyond_talos(self) -> bool:
        """Whether Talos' method cannot carry it."""
        return bool(self.confirm_within_s or self.force_guards)

    def terms(self) -> pb.Terms:
        """As a message of ours."""
        from talos.api import pytalos_config_pb2 as pb

        terms = pb.Terms(mode=MODES[self.mode], dry_run=self.dry_run, force_guards=self.force_guards)
        if self.mode == "try":
            terms.try_mode_timeout.FromNanoseconds(int(self.try_timeout_s * 1e9))
        if self.confirm_within_s:
            terms.confirm_within.FromNanoseconds(int(self.confirm_within_s * 1e9))
        return terms


def mode_options(command: F) -> F:
    """--mode, --timeout, --dry-run, --confirm-within and --force-guard; the command receives them as `how`."""

    def wrapper(
        *args: Any,
        mode: str,
        timeout: float,
        dry_run: bool,
        confirm_within: float,
        force_guard: list[str],
        **kwargs: Any,
    ) -> Any:
        how = HowToApply(mode, timeout, dry_run, confirm_within, tuple(force_guard))
        return command(*args, how=how, **kwargs)

    wrapper.__name__ = command.__name__
    wrapper.__doc__ = command.__doc__
    wrapper.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    for option in (
        click.option(
            "--force-guard",
            cls=ListOption,
            metavar="GUARD,...",
            help="do it although a guard stands against it; the refusal names the guard",
        ),
        click.option(
            "--confirm-within",
            type=DURATION,
            default="0",
            metavar="DURATION",
            help="the node goes back by itself, reboots or not, unless confirmed: talosctl machineconfig confirm",
        ),
        click.option("--dry-run", is_flag=True, help="show what would change, and change nothing"),
        click.option("--timeout", type=DURATION, default="1m0s", help="with --mode try: go back to the old one after"),
        click.option(
            "-m",
            "--mode",
            type=click.Choice(list(MODES)),
            default="auto",
            help="when it takes effect: auto (now, with a reboot if that needs one), no-reboot (now, or refused), "
            "staged (at the next reboot), try (now, for a time)",
        ),
    ):
        option(wrapper)
    return wrapper  # type: ignore[return-value]


async def send(session: Session, node: str, text: bytes, how: HowToApply, headline: str = "") -> None:
    """Apply a configuration, then report on standard error, below `headline`. ApiError."""
    from talos.api import machine_pb2
    from talos.api import pytalos_config_pb2 as pb

    if how.beyond_talos:
        answer = await session.call(
            node, "/pytalos.config.ConfigService/Apply", pb.ApplyRequest(data=text, terms=how.terms())
        )
        report(node, answer, headline)
        return
    request = machine_pb2.ApplyConfigurationRequest(data=text, dry_run=how.dry_run, mode=MODES[how.mode])
    if how.mode == "try":
        request.try_mode_timeout.FromNanoseconds(int(how.try_timeout_s * 1e9))
    reply = await session.call(node, "/machine.MachineService/ApplyConfiguration", request)
    if headline:
        print(headline, file=sys.stderr)
    for message in reply.messages:
        _report(message.warnings, message.mode_details)


def report(node: str, answer: Any, headline: str = "") -> None:
    """What an ApplyResponse of ours says, on standard error."""
    if headline:
        print(headline, file=sys.stderr)
    _report(answer.warnings, answer.mode_details)
    if answer.HasField("confirm_until"):
        until = answer.confirm_until.ToDatetime().strftime("%H:%M:%S UTC")
        print(
            f"node {node}: generation {answer.generation} has to be confirmed until {until}, otherwise generation "
            f"{answer.back_to} comes back:\n  talosctl machineconfig confirm --nodes {node}",
            file=sys.stderr,
        )


def _report(warnings: Any, details: str) -> None:
    for warning in warnings:
        print(f"WARNING: {warning}", file=sys.stderr)
    if details:
        print(details, file=sys.stderr)
