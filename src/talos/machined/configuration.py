"""The machine configuration of this node: where it comes from, how a new one is applied, where it is kept.

/system/state/config.yaml is the truth across reboots. A new configuration is written there first and takes effect
afterwards, so that a full disk or a crash changes nothing or everything. In effect means: it is the resource
MachineConfigs.config.talos.dev/v1alpha1, from which the controllers derive the rest; `persistent` is what is on disk.
Beside it lie the generations (talos.machined.generations) and the deadline of one that is not confirmed yet
(talos.machined.confirmation); talos.machined.config_disk writes all three in the one order that no crash can spoil.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Coroutine
from typing import TYPE_CHECKING

from msgspec import Struct, field

from talos.api import machine_pb2
from talos.at_first_use import at_first_use
from talos.config import Config, ConfigError
from talos.config.duration import Duration
from talos.machined import confirmation, durable, generations, guards, platform_source
from talos.machined.config_disk import PATH, ConfigDisk
from talos.machined.sequencer import LockedError
from talos.machined.sequences import Request as SequenceRequest
from talos.platforms import PlatformError
from talos.resources.config import MachineConfigSpec
from talos.transport.identity import Identity

if TYPE_CHECKING:
    from talos.config import carried_out, reboot, redact, validate
    from talos.config.guards import Violation
    from talos.machined import user_files
    from talos.machined.node import Node
    from talos.state.clock import Timer
else:  # a node without a configuration has nothing to ask them
    carried_out = at_first_use("talos.config.carried_out")
    reboot = at_first_use("talos.config.reboot")
    redact = at_first_use("talos.config.redact")
    user_files = at_first_use("talos.machined.user_files")
    validate = at_first_use("talos.config.validate")

log = logging.getLogger("machined.config")

_YAML_SPEC = {"talos.dev/yaml-spec": "1"}
"""tells clients that the spec is text, as on a node of Talos"""
ACTIVE = "v1alpha1"
PERSISTENT = "persistent"
RUNNING = "/run/machined/running.yaml"
"""what is in force while config.yaml holds one that waits for a reboot, for a machined that starts again before it"""
DEFAULT_TRY_TIMEOUT_S = 60.0
RETRY_S = 10.0
Mode = machine_pb2.ApplyConfigurationRequest.Mode
_NO_REBOOT = "Applied configuration without a reboot"
_STAGED = "Staged configuration to be applied after the next reboot"
_REBOOT = "Applied configuration with a reboot"


class ConfigRejectedError(Exception):
    """The configuration was refused and nothing changed; the text names every fault."""


class ChangeRefusedError(ConfigRejectedError):
    """The configuration is good, the change from the present one is not possible or would do harm; nothing changed."""


class Applied(Struct, frozen=True):
    """What an apply did, for the answer."""

    mode: int
    details: str
    warnings: tuple[str, ...] = ()
    generation: int = 0
    reboot_reasons: tuple[str, ...] = ()
    confirm_within_s: float = 0.0
    back_to: int = 0


class Terms(Struct, frozen=True):
    """On which terms a configuration is applied, beyond Talos' modes."""

    author: Identity = field(default_factory=Identity)
    origin: str = generations.APPLY
    restored: int = 0
    confirm_within_s: float = 0.0
    """0: final at once"""
    forced: frozenset[str] = frozenset()
    """names of guards that are overruled"""


class ConfigController:
    """Holds the configuration in force; `current` is None in maintenance mode, and when the kept one is `refused`."""

    def __init__(self, node: Node, now: confirmation.Now = confirmation.now) -> None:
        self._node = node
        self._now = now
        self.disk = ConfigDisk(node.env)
        self.current: Config | None = None
        self.refused = ""
        """why the configuration that this node once accepted cannot be used; "" if it can, or if there never was one"""
        self._persisted: Config | None = None
        self.deadline: confirmation.Deadline | None = None
        """until when the configuration in force has to be confirmed; None: it is final"""
        self._loaded = asyncio.Event()
        self._lock = asyncio.Lock()
        self._try_timer: Timer | None = None
        self._deadline_timer: Timer | None = None
        self._reverting: asyncio.Task[None] | None = None

    async def load(self) -> str:
        """Take the configuration from disk or, on a first boot, from the platform; returns where it came from, "" if
        there is none. One of the platform that cannot be used is reported and leaves the node in maintenance mode. One
        that was kept must not (the API would be open to everybody on a node that holds keys and data): `refused`."""
        source = ""
        if problem := self._locked():
            log.error("%s", problem)
            self._node.events.publish(machine_pb2.ConfigLoadErrorEvent(error=problem))
            self.refused = problem
            return ""
        try:
            if self.disk.exists():
                source = "state"
                config = self._from_disk()
            else:
                source = "platform"
                data = await platform_source.acquire(self._node)
                if data is None:
                    return ""
                config = self._check(data)
                self.disk.write(config.text, generations.PLATFORM)
        except (ConfigRejectedError, PlatformError, OSError) as error:
            log.error("the configuration from %s cannot be used: %s", source or PATH, error)
            self._node.events.publish(machine_pb2.ConfigLoadErrorEvent(error=f"{source or PATH}: {error}"))
            if source != "platform":
                self.refused = f"{PATH} cannot be used: {' '.join(str(error).split())}"
            return ""
        await self._publish(config, PERSISTENT)
        await self._activate(self._running_before() or config, keep_running_file=True)
        self._persisted = config
        log.info("machine config loaded successfully: %s", source)
        return source

    def _locked(self) -> str:
        """Why STATE, which keeps the configuration, is not there on a machine that is installed."""
        if self._node.env.in_container:
            return ""
        from talos.machined.disk import layout, start

        return start.problem(layout.STATE)

    async def wait_loaded(self) -> None:
        """Return when there is a configuration."""
        await self._loaded.wait()

    async def apply(
        self,
        data: bytes,
        mode: int,
        *,
        dry_run: bool = False,
        try_timeout_s: float = DEFAULT_TRY_TIMEOUT_S,
        terms: Terms | None = None,
    ) -> Applied:
        """Apply a configuration. ConfigRejectedError: nothing changed. A reboot that it needs has begun on return."""
        terms = terms or Terms()
        if not data:
            raise ConfigRejectedError("config not found")
        async with self._lock:
            config = self._check(data)
            files = user_files.problems(config.machine.files, self._node.env.root)
            if wrong := (*files, *user_files.document_problems(config)):
                raise ConfigRejectedError(_listed(wrong))
            if not self._node.env.in_container:
                from talos.machined.disk import installation

                if refused := await asyncio.to_thread(installation.problem, self._node, config):
                    raise ConfigRejectedError(refused)
            mode_of_node = self._node.env.mode
            warnings = (*validate.validate(config, mode_of_node), *carried_out.unsupported(config, mode_of_node))
            reasons = tuple(reboot.reboot_reasons(self.current, config)) if self.current is not None else ()
            if self.current is not None:
                warnings += tuple(reboot.later(self.current, config))
            if self.current is not None:
                await self._guard(self.current, config, terms.forced)
            effective = self._effective(mode, reasons, terms)
            text = _STAGED if effective == Mode.STAGED else _REBOOT if effective == Mode.REBOOT else _NO_REBOOT
            if dry_run:
                return Applied(effective, self._dry_run(config, effective, text, reasons), warnings, 0, reasons)
            if mode == Mode.TRY:
                self.disk.remember_try(config.text, terms.author)
                await self._activate(config)
                self._schedule_try(try_timeout_s)
                text += (
                    "\nThe config is applied in 'try' mode and will be automatically reverted back in "
                    f"{Duration.of(seconds=try_timeout_s)}"
                )
                return Applied(effective, text, warnings)
            number = self._persist(config, Mode.Name(effective), terms)
            await self._publish(config, PERSISTENT)
            if effective == Mode.STAGED or (effective == Mode.REBOOT and self.current is not None):
                self._keep_running()
            else:
                await self._activate(config)
            if effective == Mode.REBOOT:
                self._reboot()
            within, back_to = (self.deadline.window_s, self.deadline.back_to) if self.deadline else (0.0, 0)
            return Applied(effective, text, warnings, number, reasons, within, back_to)

    async def confirm(self, number: int = 0) -> int:
        """Stand by the configuration in force (of that number, unless 0): it is final, also after a crash.
        ChangeRefusedError if there is nothing to confirm; OSError if that cannot be written down."""
        async with self._lock:
            current = self.disk.current_number()
            if number and number != current:
                raise ChangeRefusedError(
                    f"generation {number} is not in force: generation {current} is; look at `machineconfig history`"
                )
            if self.deadline is None:
                raise ChangeRefusedError(f"generation {current} does not wait for a confirmation: it is final")
            self.disk.confirm()
            self._end_deadline()
            log.info("generation %d was confirmed", current)
            return current

    async def restore(self, number: int, mode: int, *, dry_run: bool, terms: Terms) -> Applied:
        """Apply a generation once more. GenerationError, ConfigRejectedError."""
        text = self.disk.generations.get(number).text
        return await self.apply(text.encode(), mode, dry_run=dry_run, terms=terms)

    def forget(self) -> None:
        """Remove the configuration from disk (reset)."""
        durable.remove(self._node.env.path(PATH))

    # -- parts --

    def _from_disk(self) -> Config:
        """config.yaml, or what was before it if its time to be confirmed is over or it cannot be used."""
        data, deadline = self.disk.settle()
        if deadline is None:
            return self._kept(data)
        left = deadline.left_s(self._now())
        try:
            config = self._kept(data)
        except ConfigRejectedError as error:
            log.error("the configuration that waits for a confirmation cannot be used: %s", error)
            left = 0.0
        if left > 0:
            log.warning("the configuration has to be confirmed within %.0f s", left)
            self._set_deadline(deadline, left)
            return config
        log.warning("the configuration was not confirmed in time: going back to generation %d", deadline.back_to)
        config = self._kept(self.disk.generations.get(deadline.back_to).text.encode())
        try:
            self.disk.revert(deadline)
        except OSError as error:
            log.error("what was gone back to cannot be written: %s", error)
            self._set_deadline(deadline, RETRY_S)
        return config

    def _running_before(self) -> Config | None:
        """What was in force when machined ended, if config.yaml waits for a reboot that has not been."""
        path = self._node.env.path(RUNNING)
        if not path.exists() or not self._node.sequencer.booted:
            return None
        return Config.decode(path.read_bytes())

    def _keep_running(self) -> None:
        if self.current is not None:
            path = self._node.env.path(RUNNING)
            path.parent.mkdir(parents=True, exist_ok=True)
            durable.write(path, self.current.text.encode())

    def _check(self, data: bytes) -> Config:
        try:
            config = Config.decode(data)
            validate.validate(config, self._node.env.mode)
        except ConfigError as error:
            raise ConfigRejectedError(_listed(error.problems)) from error
        return config

    def _kept(self, data: bytes) -> Config:
        """One that this node accepted once. A later version may ask for more; then it is used all the same, since a
        node that stays closed because of that is worse than any of it. ConfigRejectedError: it cannot be read, or is no
        configuration of a machine."""
        try:
            return self._check(data)
        except ConfigRejectedError as error:
            with contextlib.suppress(ConfigError):
                config = Config.decode(data)
                if config.machine.configured and config.machine.ca.bundle:
                    log.error("the kept configuration has faults and is used all the same: %s", error)
                    return config
            raise

    def _effective(self, mode: int, reasons: tuple[str, ...], terms: Terms) -> int:
        """The mode that is carried out. ChangeRefusedError."""
        if mode == Mode.TRY and self.current is None:
            raise ConfigRejectedError("mode try needs a configuration to go back to: the node has none yet")
        if reasons and mode in (Mode.NO_REBOOT, Mode.TRY):
            raise ChangeRefusedError(
                f"this change needs a reboot, mode {Mode.Name(mode).lower().replace('_', '-')} allows none: "
                f"{', '.join(reasons)}; use mode auto or staged"
            )
        if terms.confirm_within_s:
            if mode in (Mode.STAGED, Mode.TRY):
                raise ChangeRefusedError(
                    "a configuration that is staged or tried cannot wait for a confirmation: use mode auto"
                )
            if self.current is None:
                raise ChangeRefusedError("there is no configuration to go back to: the node has none yet")
        if mode == Mode.AUTO:
            return Mode.REBOOT if reasons else Mode.NO_REBOOT
        return mode

    async def _guard(self, before: Config, after: Config, forced: frozenset[str]) -> None:
        found: list[Violation] = await guards.standing_in_the_way(self._node, before, after)
        for violation in found:
            if violation.guard in forced:
                log.warning("guard %s was overruled: %s", violation.guard, violation.reason)
        if standing := [v for v in found if v.guard not in forced]:
            names = " ".join(f"--force-guard {name}" for name in dict.fromkeys(v.guard for v in standing))
            raise ChangeRefusedError(
                _listed(tuple(f"{v.reason} (guard {v.guard})" for v in standing))
                + f"Nothing was changed. To do it all the same, say {names}."
            )

    def _persist(self, config: Config, mode: str, terms: Terms) -> int:
        """Generation of the configuration. One that is on disk already is none anew: a job that applies the same text
        every hour would push what a person may want back out of the history. Its deadline ends or moves all the same;
        without one there is nothing to go back to, so none begins."""
        number = self.disk.kept(config.text)
        deadline = None
        if terms.confirm_within_s and (self.deadline or not number):
            back_to = self.deadline.back_to if self.deadline else self.disk.current_number()
            deadline = confirmation.Deadline(back_to, terms.confirm_within_s, self._now())
        try:
            if not number:
                number = self.disk.write(
                    *(config.text, terms.origin),
                    mode=mode,
                    author=terms.author,
                    restored=terms.restored,
                    deadline=deadline,
                )
            elif deadline is not None:
                self.disk.move_deadline(deadline)
            elif self.deadline is not None:
                self.disk.confirm()
        except OSError as error:
            raise ConfigRejectedError(
                f"the configuration cannot be written to {PATH}: {error.strerror}; nothing was changed"
            ) from error
        self._cancel_try()
        self._end_deadline()
        if deadline is not None:
            self._set_deadline(deadline, deadline.window_s)
        self._persisted = config
        return number

    def _dry_run(self, config: Config, mode: int, text: str, reasons: tuple[str, ...]) -> str:
        before = self._persisted if mode == Mode.STAGED else self.current
        why = f"A reboot is needed: {', '.join(reasons)}.\n" if reasons else ""
        return f"Dry run summary:\n{text} (skipped in dry-run).\n{why}Config diff:\n\n{diff(before, config)}"

    async def _activate(self, config: Config, *, keep_running_file: bool = False) -> None:
        await self._publish(config, ACTIVE)
        self.current, self.refused = config, ""
        if not keep_running_file:
            self._node.env.path(RUNNING).unlink(missing_ok=True)
        self._loaded.set()

    async def _publish(self, config: Config, id: str) -> None:
        def change(spec: MachineConfigSpec) -> None:
            spec.text = config.text

        await self._node.state.modify(MachineConfigSpec, id, change, annotations=_YAML_SPEC)

    def _reboot(self) -> None:
        if self._node.sequencer.running:
            return  # booting, or going down already
        try:
            self._node.sequencer.begin("reboot", SequenceRequest())
        except LockedError as error:
            raise ChangeRefusedError(f"the configuration was kept, the node does not reboot now: {error}") from error

    # -- going back --

    def _schedule_try(self, seconds: float) -> None:
        self._cancel_try()
        self._try_timer = self._node.env.clock.call_later(seconds, lambda: self._begin(self._end_try()))

    def _cancel_try(self) -> None:
        if self._try_timer is not None:
            self._try_timer.cancel()
            self._try_timer = None

    def _set_deadline(self, deadline: confirmation.Deadline, seconds: float) -> None:
        self.deadline = deadline
        self._deadline_timer = self._node.env.clock.call_later(seconds, lambda: self._begin(self._go_back()))

    def _end_deadline(self) -> None:
        if self._deadline_timer is not None:
            self._deadline_timer.cancel()
        self._deadline_timer = self.deadline = None

    def _begin(self, work: Coroutine[None, None, None]) -> None:
        self._reverting = asyncio.ensure_future(work)

    async def _end_try(self) -> None:
        async with self._lock:
            self._try_timer = None
            if self._persisted is not None:
                log.warning("the time of mode try is over: going back to the configuration before")
                await self._activate(self._persisted)

    async def _go_back(self) -> None:
        """The deadline is over: the last confirmed configuration comes back, with a reboot if one is needed. A disk
        that does not take it changes nothing about that; it is written later."""
        async with self._lock:
            deadline = self.deadline
            if deadline is None:
                return
            self._deadline_timer = None
            log.warning("the configuration was not confirmed in time: going back to generation %d", deadline.back_to)
            config = Config.decode(self.disk.generations.get(deadline.back_to).text)
            before = self.current
            self._cancel_try()
            try:
                self.disk.revert(deadline)
                self.deadline = None
            except OSError as error:
                log.error("what was gone back to cannot be written yet: %s", error)
                self._set_deadline(deadline, RETRY_S)
            self._persisted = config
            await self._publish(config, PERSISTENT)
            await self._activate(config)
            if before is not None and reboot.reboot_reasons(before, config) and self.deadline is None:
                self._reboot()


def diff(before: Config | None, after: Config) -> str:
    """Unified diff of two configurations, secrets left out, "No changes." if there is none."""
    return redact.difference(before, after) or "No changes."


def _listed(problems: tuple[str, ...]) -> str:
    count = len(problems)
    lines = "".join(f"\n\t* {problem}" for problem in problems)
    return f"{count} error{'s' if count != 1 else ''} occurred:{lines}\n\n"
