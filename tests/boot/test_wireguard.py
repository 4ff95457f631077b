"""WireGuard on a kernel that has it: two nodes' controllers in namespaces of one guest, and the codec on the kernel."""

from __future__ import annotations

from pathlib import Path

import pytest

from . import guest

pytestmark = [pytest.mark.slow, pytest.mark.root]
TESTS = (
    ".venv/bin/python -m pytest -q -p no:cacheprovider --durations 0 --basetemp /var/lib/guest/tests"
    " tests/unit/controllers/network/test_wireguard.py -k 'speak or keeps or asked_for'"
)


def test_two_nodes_and_the_codec_on_a_kernel_with_wireguard(tmp_path: Path) -> None:
    code, console = guest.run(tmp_path, TESTS, memory_mib=2048, modules=("wireguard",), timeout_s=900)
    assert code == 0, console[-6000:]
    assert " passed" in console and "skipped" not in console
