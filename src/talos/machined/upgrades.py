"""The node's side of the two slots: fill the other one, set it for one trial, and after each boot say that this one
came up well, or go back.

Every boot counts (talos.slots): the loader takes one boot from a slot before it starts it, and the node gives them back
once its API answers. A slot on trial has a single one and gets it back only when the whole node is healthy; a node that
sees itself unhealthy for too long says why and reboots, which is the way back, since no boot is left. A node that sees
nothing any more is reset by the watchdog (machine) or its monitor (container).
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import logging
import os
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING

from talos.machined import init_control
from talos.machined import upgrade_history as history
from talos.machined.health import HealthCheck, tcp_answers
from talos.machined.upgrade_history import Attempt, UpgradeHistory
from talos.resources.enums import MachineStage
from talos.resources.runtime import BootedEntrySpec, MachineStatusSpec
from talos.resources.v1alpha1 import ServiceSpec
from talos.slots import payload
from talos.slots.booted import TRIAL_ARGUMENT, booted_entry, trial_limit_s
from talos.slots.entry import Entry, other
from talos.slots.folder import BOOTS, FAILURE, INCOMING, TRIAL, BootFolder, SlotsError

if TYPE_CHECKING:
    from talos.machined.node import Node

log = logging.getLogger("machined.upgrade")

BOOT = "/boot"
HISTORY = "/system/state/upgrades.json"
SETTLED = "/run/machined/slot-settled"
VERIFIED = "/run/init/root-verified"
OWNER = "runtime.Upgrades"
API_PORT = 50000
SPARE_BYTES = 1 << 20
RETRIES_S = (1.0, 10.0, 60.0)
# The service's own check allows 0.5 s, which a machine that starts everything at once, emulated or with one slow core,
# may miss for as long as it is busy: its slot would lose a boot at every start.
PATIENT = HealthCheck(lambda: tcp_answers("127.0.0.1", API_PORT), timeout_s=10.0)
NO_WORD = "it did not come up: it was started, and ended or was reset without a word"


class UpgradeError(Exception):
    """It is refused; nothing changed."""


class Upgrades:
    """One per node. `settle` runs once after each start of the node."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.folder = BootFolder(node.env.path(BOOT))
        self.history = UpgradeHistory(node.env.path(HISTORY))
        self._booted = booted_entry(node.env.variables)
        self._writing = asyncio.Lock()

    # -- what there is --

    @property
    def booted(self) -> Entry | None:
        """The slot that runs, as its file is named now; None on a node without slots."""
        if self._booted is None:
            return None
        found = self.folder.find(self._booted.slot)
        return found if found is not None and found.version == self._booted.version else None

    @property
    def other(self) -> Entry | None:
        """What lies in the slot that does not run."""
        return self.folder.find(other(self._booted.slot)) if self._booted is not None else None

    def upgrade_refused(self) -> str:
        """Why the other slot cannot be written now, "" if it can."""
        if self._booted is None:
            return "this node was not started from a slot: it is not installed to a disk"
        if self.booted is None:
            return f"{self.folder.path} does not hold {self._booted.id}, which this node was started from"
        if (attempt := self.history.open) is not None and attempt.slot == self._booted.slot:
            return f"{attempt.version} is still on trial: wait until it is confirmed, or reboot to go back"
        return ""

    def rollback_refused(self) -> str:
        """Why the node cannot go back to the other slot, "" if it can."""
        if refused := self.upgrade_refused():
            return refused
        entry = self.other
        if entry is None:
            return f"there is nothing to go back to: slot {other(self._require().slot)} is empty"
        last = self.history.last_of(entry.slot, entry.version)
        if last is not None and last.outcome == history.FAILED:
            return f"{entry.version} in slot {entry.slot} did not come up when it was tried: {last.reason}"
        if last is None and entry.bad and not entry.done and not self.history.attempts:
            return f"{entry.version} in slot {entry.slot} was never booted"
        return ""

    def free_bytes(self) -> int:
        try:
            return shutil.disk_usage(self.folder.root).free
        except OSError:
            return 0

    def _require(self) -> Entry:
        if self._booted is None:
            raise UpgradeError(self.upgrade_refused())
        return self._booted

    # -- filling the other slot --

    async def write(self, chunks: AsyncIterator[bytes], size: int = 0, sha256: bytes = b"") -> Entry:
        """Put an image into the other slot. size and sha256 (0, empty: not known) must be those of the content.
        UpgradeError: the image is none for this node, or not complete; the slot is as it was."""
        if refused := self.upgrade_refused():
            raise UpgradeError(refused)
        if self._writing.locked():
            raise UpgradeError("another image is being written to the other slot")
        async with self._writing:
            incoming = self.folder.path / INCOMING
            free = self.free_bytes() + _size(incoming)
            if size and size + SPARE_BYTES > free:
                raise UpgradeError(f"the image has {size >> 20} MiB, the boot partition {free >> 20} MiB free")
            try:
                await self._receive(incoming, chunks, size, sha256)
                found = await asyncio.to_thread(self._inspect, incoming)
                slot = other(self._require().slot)
                entry = await asyncio.to_thread(self.folder.take, slot, found.version, incoming)
            except (payload.PayloadError, OSError) as error:
                raise UpgradeError(f"the image is refused: {error}") from error
            finally:
                with contextlib.suppress(OSError):
                    incoming.unlink(missing_ok=True)
        log.info("slot %s holds %s now", entry.slot, entry.version)
        return entry

    async def _receive(self, incoming: Path, chunks: AsyncIterator[bytes], size: int, sha256: bytes) -> None:
        digest, total = hashlib.sha256(), 0
        fd = os.open(incoming, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
        try:
            async for chunk in chunks:
                total += len(chunk)
                if size and total > size:
                    raise payload.PayloadError(f"more than the announced {size} bytes came")
                digest.update(chunk)
                await asyncio.to_thread(_write_all, fd, chunk)
            await asyncio.to_thread(os.fsync, fd)
        finally:
            os.close(fd)
        if size and total != size:
            raise payload.PayloadError(f"{total} of {size} bytes came")
        if sha256 and digest.digest() != sha256:
            raise payload.PayloadError("what came is not what was sent (sha256 differs)")

    def _inspect(self, file: Path) -> payload.Payload:
        found = payload.read(file)
        wanted = payload.ROOT if self._node.env.in_container else payload.UKI
        if found.kind != wanted:
            raise payload.PayloadError(f"it is a {found.kind}, this node boots a {wanted}")
        payload.verify(file)
        return found

    # -- booting it --

    def arm(self, kind: str, source: str = "", *, staged: bool = False) -> Attempt:
        """The next boot tries the other slot. UpgradeError, OSError: the next boot is as it was."""
        booted = self._require()
        entry = self.other
        refused = self.rollback_refused() if kind == history.ROLLBACK else self.upgrade_refused()
        if refused or entry is None:
            raise UpgradeError(refused or f"slot {other(booted.slot)} is empty: write an image first")
        attempt = Attempt(
            0, kind, booted.slot, booted.version, entry.slot, entry.version, source,
            history.STAGED if staged else history.TRIAL, started=self._now(),
        )  # fmt: skip
        before = self.history.open
        if before is not None and (before.slot, before.version, before.kind) == (entry.slot, entry.version, kind):
            attempt = before  # machined was restarted in between, or a staged one is to boot now
            self.history.finish(attempt, history.STAGED if staged else history.TRIAL, "", 0.0)
        else:
            self.history.add(attempt)
        self.folder.prefer(entry.slot, TRIAL)
        log.info("slot %s (%s) is set for one trial", entry.slot, entry.version)
        return attempt

    # -- after a boot --

    async def judge_boot(self) -> None:
        """`settle`, for machined. What the boot partition or STATE does not allow is reported and tried again, since a
        boot that is never judged costs a good slot one of its three; the node goes on."""
        for pause_s in (*RETRIES_S, 0.0):
            try:
                await self.settle()
            except (OSError, SlotsError) as error:
                log.error("this boot cannot be confirmed: %s", error)
            else:
                return
            await asyncio.sleep(pause_s)

    async def settle(self) -> None:
        """Judge this boot: confirm it, or go back. Returns at once when this start of the node was judged before."""
        self.history.load()
        await self._publish()
        settled = self._node.env.path(SETTLED)
        if settled.exists():
            return
        entry, attempt = self.booted, self.history.open
        trial = attempt is not None and _names(attempt) == _names(entry)
        if attempt is not None and trial and (reason := await self._trial()):
            await self._give_up(attempt, reason)
            return
        if not trial and not self._node.env.in_container:
            await self._until(self._api_answers, None)
            self._end_deadline()
        if entry is None:
            if self._booted is not None:
                log.error("%s", self.upgrade_refused())
            return
        if attempt is not None and not trial:
            self._returned(attempt)
        await self._until(self._answers, None)
        self.folder.prefer(entry.slot, BOOTS)
        if attempt is not None and trial:  # after the slot: a power cut in between repeats the trial
            self._finish(attempt, history.CONFIRMED, "")
            self._end_deadline()
        settled.write_text("")
        with contextlib.suppress(OSError):
            (self.folder.root / FAILURE).unlink(missing_ok=True)
        log.info("slot %s (%s) came up well and has %d boots again", entry.slot, entry.version, BOOTS)
        await self._publish()

    async def _trial(self) -> str:
        limit = trial_limit_s(self._node.env.variables, self._node.env.arguments.last(TRIAL_ARGUMENT))
        log.info("this boot is a trial: it must be healthy within %g s", limit)
        if await self._until(self._healthy, limit):
            return ""
        return f"not healthy after {limit:g} s: {await self._unhealthy()}"

    async def _give_up(self, attempt: Attempt, reason: str) -> None:
        log.error("%s is given up, the node goes back to %s: %s", attempt.version, attempt.from_version, reason)
        self._finish(attempt, history.FAILED, reason)
        if (entry := self.booted) is not None:
            self.folder.mark_bad(entry)
        await self._publish()
        from talos.machined.sequencer import LockedError
        from talos.machined.sequences import Request

        with contextlib.suppress(LockedError):
            self._node.sequencer.begin("reboot", Request())

    def _end_deadline(self) -> None:
        """PID 1 of a machine restarts it unless it hears this in time. On trial that is the last resort, for a machined
        that ends again and again or stands still after the API has answered: it is told when the trial is over. Any
        other boot that answers is better than none, whatever becomes of the slot's counter."""
        if not self._node.env.in_container:
            init_control.tell(self._node.env, init_control.CONFIRM)

    def _returned(self, attempt: Attempt) -> None:
        """The node was to boot the other slot, and did not stay there."""
        entry = self.folder.find(attempt.slot)
        if entry is not None and entry.version == attempt.version and entry.done:
            reason = self._note(attempt.slot) or NO_WORD
            self._finish(attempt, history.FAILED, reason)
            log.error("%s did not come up, %s runs again: %s", attempt.version, attempt.from_version, reason)
            return
        self._finish(attempt, history.INTERRUPTED, "the node ended before the slot was set")

    def _note(self, slot: str) -> str:
        try:
            note = json.loads((self.folder.root / FAILURE).read_text())
            return str(note["reason"]) if note["slot"] == slot else ""
        except (OSError, ValueError, KeyError, TypeError):
            return ""

    def _finish(self, attempt: Attempt, outcome: str, reason: str) -> None:
        try:
            self.history.finish(attempt, outcome, reason, self._now())
        except OSError as error:  # a full STATE must not keep a good slot from being confirmed, nor a bad one alive
            log.error("the history of upgrades cannot be written: %s", error)

    async def _until(self, holds: Callable[[], Awaitable[bool]], limit_s: float | None) -> bool:
        try:
            async with asyncio.timeout(limit_s):
                while not await holds():  # noqa: ASYNC110 - several resources and files together
                    await asyncio.sleep(0.1)
        except TimeoutError:
            return False
        return True

    async def _answers(self) -> bool:
        if not self._node.env.in_container and not self._node.env.path(VERIFIED).exists():
            return False  # the first stage still reads the root: damage in a corner must not be confirmed
        return await self._api_answers()

    async def _api_answers(self) -> bool:
        service = await self._node.state.get_or_none(ServiceSpec, "apid")
        if service is None or not service.spec.running:
            return False
        return service.spec.healthy or not await PATIENT.once()

    async def _healthy(self) -> bool:
        return not await self._unhealthy()

    async def _unhealthy(self) -> str:
        """What is wrong with this node, "" if nothing. That it is cordoned is what an upgrade does."""
        problems = [] if await self._answers() else ["the API does not answer"]
        status = await self._node.state.get_or_none(MachineStatusSpec, "machine")
        if status is None:
            return "; ".join(problems) or "the machine's status is not known"
        if status.spec.stage not in (MachineStage.RUNNING, MachineStage.MAINTENANCE):
            problems.append(f"the machine is {status.spec.stage}")
        problems += [
            f"{c.name}: {c.reason}"
            for c in status.spec.status.unmet_conditions
            if not (c.name == "nodeReady" and c.reason.endswith("is cordoned"))
        ]
        return "; ".join(problems)

    async def _publish(self) -> None:
        if self._booted is not None:
            spec = BootedEntrySpec(booted_entry=self._booted.id)
            await self._node.state.modify(BootedEntrySpec, "bootedentry", lambda _old: spec, owner=OWNER)
        await self.history.publish(self._node.state)

    def _now(self) -> float:
        return self._node.env.clock.now().timestamp()


def _names(one: Attempt | Entry | None) -> tuple[str, str] | None:
    return (one.slot, one.version) if one is not None else None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _write_all(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]
