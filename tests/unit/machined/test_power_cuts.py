"""Power that is lost at any point of an upgrade and of the boot that confirms it: the node boots the old or the new
system, whole, and knows how it ended. Every change of a file is a point; after the cut nothing changes any more."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.unit.machined.test_upgrades import Machine, chunks, healthy

from talos.machined import upgrade_history as history
from talos.slots import payload


class PowerCutError(BaseException):
    """The machine is off. No Exception: nothing may handle it."""


class Power:
    """Counts changes of files; at `cut` they end."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, cut: int) -> None:
        self.done, self.cut = 0, cut
        for owner, name in ((Path, "rename"), (Path, "replace"), (Path, "unlink"), (os, "write"), (os, "fsync")):
            monkeypatch.setattr(owner, name, self._counted(getattr(owner, name)))

    def _counted(self, plain: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            if self.done >= self.cut:
                raise PowerCutError
            self.done += 1
            return plain(*arguments, **options)

        return call


async def upgrade(machine: Machine) -> None:
    """From the old system to the confirmed new one, with the loader in between."""
    node = machine.boot()
    await healthy(node)
    await node.upgrades.settle()
    data = (machine.root / "image").read_bytes()
    await node.upgrades.write(chunks(data), len(data), hashlib.sha256(data).digest())
    node.upgrades.arm(history.UPGRADE, "file")
    node = machine.boot()
    await healthy(node)
    await node.upgrades.settle()


POINTS = 44


def test_the_sweep_covers_all_of_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = Machine(tmp_path)
    machine.image("v1.14.1")
    with monkeypatch.context() as patch:
        power = Power(patch, 10_000)
        asyncio.run(upgrade(machine))
    assert 20 <= power.done <= POINTS


@pytest.mark.parametrize("cut", range(POINTS))
def test_any_point_boots_old_or_new_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cut: int) -> None:
    machine = Machine(tmp_path)
    machine.image("v1.14.1")
    with monkeypatch.context() as patch:
        Power(patch, cut)
        with contextlib.suppress(PowerCutError):
            asyncio.run(upgrade(machine))
    node = machine.boot()
    booted = node.upgrades.booted
    assert booted is not None
    payload.verify(node.upgrades.folder.file(booted))  # whole

    async def settle() -> None:
        await healthy(node)
        await node.upgrades.settle()

    asyncio.run(settle())
    attempts = node.upgrades.history.attempts
    assert not attempts or attempts[-1].outcome in (history.CONFIRMED, history.FAILED, history.INTERRUPTED)
    if attempts and attempts[-1].outcome == history.CONFIRMED:
        assert booted.slot == "B"
    elif attempts:
        assert booted.slot == "A"
    # and the node goes on: the same boots again, and the next upgrade is not refused
    assert machine.boot_folder.boot().slot == booted.slot
    assert node.upgrades.upgrade_refused() == ""
