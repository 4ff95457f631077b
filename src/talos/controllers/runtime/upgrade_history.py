"""UpgradeHistory: what was tried with the node's slots, and how it ended. Ours, not Talos'."""

from __future__ import annotations

from datetime import datetime

from talos.state.clock import ZERO_TIME
from talos.state.spec import Spec, resource


@resource(
    type="UpgradeHistories.runtime.pytalos.dev",
    namespace="runtime",
    display="UpgradeHistory",
    aliases=("upgradehistory",),
    all_aliases=("upgradehistories",),
    columns=(
        ("Kind", "{.kind}"),
        ("From", "{.fromVersion}"),
        ("To", "{.toVersion}"),
        ("Slot", "{.slot}"),
        ("Outcome", "{.outcome}"),
        ("Reason", "{.reason}"),
    ),
)
class UpgradeHistorySpec(Spec):
    """One attempt; the id counts them. Times are UTC."""

    kind: str = ""
    """upgrade or rollback"""
    from_version: str = ""
    to_version: str = ""
    slot: str = ""
    """the slot that was to boot"""
    source: str = ""
    """what the image was called by whoever asked for it"""
    outcome: str = ""
    """staged, trial, confirmed, failed or interrupted"""
    reason: str = ""
    started: datetime = ZERO_TIME
    finished: datetime = ZERO_TIME
