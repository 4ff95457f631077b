"""The exchange before the fork works against the real server, and leaves nothing behind."""

from __future__ import annotations

from pathlib import Path

from talos.zygote import warm


async def test_exchange_reconciles_and_leaves_no_socket(tmp_path: Path) -> None:
    assert await warm.exchange(tmp_path / "s") >= 1
    assert list(tmp_path.iterdir()) == []
