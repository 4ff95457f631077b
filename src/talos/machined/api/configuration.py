"""ApplyConfiguration, and what is ours beyond it: generations, confirmation, guards."""

from __future__ import annotations

from typing import Any

from grpclib import GRPCError, Status

from talos.api import machine_pb2
from talos.api import pytalos_config_pb2 as pb
from talos.config import Config, ConfigError
from talos.config.guards import GUARDS
from talos.config.redact import difference
from talos.machined import confirmation, generations
from talos.machined.configuration import (
    DEFAULT_TRY_TIMEOUT_S,
    Applied,
    ChangeRefusedError,
    ConfigRejectedError,
    Mode,
    Terms,
)
from talos.machined.generations import Generation, GenerationError
from talos.machined.rpc import Call, unary

SERVICE = "/pytalos.config.ConfigService/"


def _failed(error: Exception) -> GRPCError:
    """A configuration that is wrong is the caller's fault, a change that is not possible the node's state."""
    if isinstance(error, GenerationError):
        return GRPCError(Status.NOT_FOUND, str(error))
    refused = isinstance(error, ChangeRefusedError)
    return GRPCError(Status.FAILED_PRECONDITION if refused else Status.INVALID_ARGUMENT, str(error))


def _seconds(duration: Any) -> float:
    return float(duration.ToTimedelta().total_seconds())


@unary("/machine.MachineService/ApplyConfiguration")
async def apply_configuration(call: Call, request: Any) -> machine_pb2.ApplyConfigurationResponse:
    """Validate and apply, or with dry_run only say what would change."""
    try:
        applied = await call.node.config.apply(
            request.data,
            request.mode,
            dry_run=request.dry_run,
            try_timeout_s=_seconds(request.try_mode_timeout) or DEFAULT_TRY_TIMEOUT_S,
            terms=Terms(author=call.caller),
        )
    except ConfigRejectedError as error:
        raise _failed(error) from error
    return machine_pb2.ApplyConfigurationResponse(
        messages=[
            machine_pb2.ApplyConfiguration(
                mode=Mode.Name(applied.mode), mode_details=applied.details, warnings=list(applied.warnings)
            )
        ]
    )


def _terms(call: Call, asked: pb.Terms, origin: str, restored: int = 0) -> Terms:
    within = _seconds(asked.confirm_within)
    if asked.HasField("confirm_within") and not confirmation.MIN_S <= within <= confirmation.MAX_S:
        raise GRPCError(
            Status.INVALID_ARGUMENT,
            f"confirm within {within:g} s: possible is {confirmation.MIN_S:g} s to {confirmation.MAX_S / 3600:g} h",
        )
    if unknown := [name for name in asked.force_guards if name not in GUARDS]:
        raise GRPCError(
            Status.INVALID_ARGUMENT, f"there is no guard {', '.join(unknown)}; guards are {', '.join(GUARDS)}"
        )
    return Terms(call.caller, origin, restored, within, frozenset(asked.force_guards))


def _answer(applied: Applied, now: float) -> pb.ApplyResponse:
    answer = pb.ApplyResponse(
        mode=Mode.Name(applied.mode),
        mode_details=applied.details,
        warnings=applied.warnings,
        generation=applied.generation,
        reboot_reasons=applied.reboot_reasons,
        back_to=applied.back_to,
    )
    if applied.confirm_within_s:
        answer.confirm_until.FromNanoseconds(int((now + applied.confirm_within_s) * 1e9))
    return answer


@unary(SERVICE + "Apply")
async def apply(call: Call, request: Any) -> pb.ApplyResponse:
    """Apply on terms."""
    asked = request.terms
    try:
        applied = await call.node.config.apply(
            request.data,
            asked.mode,
            dry_run=asked.dry_run,
            try_timeout_s=_seconds(asked.try_mode_timeout) or DEFAULT_TRY_TIMEOUT_S,
            terms=_terms(call, asked, generations.APPLY),
        )
    except ConfigRejectedError as error:
        raise _failed(error) from error
    return _answer(applied, call.node.env.clock.now().timestamp())


@unary(SERVICE + "Restore")
async def restore(call: Call, request: Any) -> pb.ApplyResponse:
    """Apply a generation once more."""
    asked, number = request.terms, request.generation
    try:
        applied = await call.node.config.restore(
            number, asked.mode, dry_run=asked.dry_run, terms=_terms(call, asked, generations.RESTORE, number)
        )
    except (ConfigRejectedError, GenerationError) as error:
        raise _failed(error) from error
    return _answer(applied, call.node.env.clock.now().timestamp())


@unary(SERVICE + "Confirm")
async def confirm(call: Call, request: Any) -> pb.ConfirmResponse:
    """Stand by the configuration in force."""
    try:
        return pb.ConfirmResponse(generation=await call.node.config.confirm(request.generation))
    except ConfigRejectedError as error:
        raise _failed(error) from error


@unary(SERVICE + "History")
async def history(call: Call, _request: Any) -> pb.HistoryResponse:
    """The newest first."""
    config = call.node.config
    answer = pb.HistoryResponse(
        generations=[_shown(generation) for generation in config.disk.generations.newest_first()],
        current=config.disk.current_number(),
    )
    if config.deadline is not None:
        answer.confirm_left.FromNanoseconds(int(config.deadline.left_s(confirmation.now()) * 1e9))
        answer.back_to = config.deadline.back_to
    return answer


def _shown(generation: Generation) -> pb.Generation:
    author = generation.author
    shown = pb.Generation(
        number=generation.number,
        origin=generation.origin,
        mode=generation.mode.lower(),
        author=pb.Author(
            common_name=author.common_name,
            organizations=author.organizations,
            serial=author.serial,
            fingerprint=author.fingerprint,
            peer=author.peer,
        ),
        restored=generation.restored,
    )
    shown.time.FromNanoseconds(int(generation.time * 1e9))
    if generation.confirm_within_s:
        shown.confirm_within.FromNanoseconds(int(generation.confirm_within_s * 1e9))
    return shown


@unary(SERVICE + "Diff")
async def diff(call: Call, request: Any) -> pb.DiffResponse:
    """Two generations; without numbers the current one and the one before it."""
    disk = call.node.config.disk
    to = request.to or disk.current_number()
    before = getattr(request, "from") or max((n for n in disk.generations.numbers() if n < to), default=0)
    try:
        old, new = (Config.decode(disk.generations.get(number).text) for number in (before, to))
    except GenerationError as error:
        raise _failed(error) from error
    except ConfigError as error:
        raise GRPCError(Status.FAILED_PRECONDITION, f"a generation cannot be read by this version: {error}") from error
    text = difference(old, new, (f"generation {before}", f"generation {to}"))
    return pb.DiffResponse(to=to, text=text, **{"from": before})
