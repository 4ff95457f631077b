"""The dashboard's screen from figures, without a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from talos.talosctl.dashboard_data import NodeData
from talos.talosctl.dashboard_view import View, graph


def node(address: str) -> NodeData:
    data = NodeData(address)
    data.hostname, data.version, data.stage, data.ready = f"host-{address}", "v1.14.0", "running", True
    data.services = [("apid", "Running", "OK"), ("kubelet", "Running", "Fail")]
    data.cpu.extend([0.0, 50.0, 100.0])
    data.memory_total, data.memory_used = 2_000_000_000, 500_000_000
    data.messages.extend(f"message {number} of {address}" for number in range(50))
    return data


def screen(view: View, width: int, height: int) -> str:
    console = Console(file=io.StringIO(), width=width, height=height, force_terminal=False, color_system=None)
    console.print(view.render(console.size))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_nodes_stand_side_by_side() -> None:
    shown = screen(View([node("10.0.0.1"), node("10.0.0.2")]), 120, 40)
    top = shown.splitlines()[0]
    assert "host-10.0.0.1" in top and "host-10.0.0.2" in top
    assert "500 MB of 2.0 GB" in shown and "message 49 of 10.0.0.1" in shown
    assert len(shown.rstrip("\n").splitlines()) <= 40


def test_keys() -> None:
    view = View([node(f"10.0.0.{n}") for n in range(1, 5)])
    assert view.press("\x1b[C")
    assert "message 49 of 10.0.0.2" in screen(view, 120, 40)
    assert view.press("4")
    shown = screen(view, 60, 40)
    assert "message 49 of 10.0.0.4" in shown and "3 more nodes" in shown and "host-10.0.0.4" in shown
    assert view.press("l")
    assert "message" not in screen(view, 120, 40).replace("l messages", "")
    assert not view.press("q")


@pytest.mark.parametrize(("width", "height"), [(20, 5), (40, 10), (80, 24), (300, 100)])
def test_any_size_is_filled(width: int, height: int) -> None:
    assert screen(View([node("10.0.0.1"), NodeData("10.0.0.2")]), width, height)


def test_a_node_that_does_not_answer_says_so() -> None:
    data = NodeData("10.0.0.9")
    data.error = "rpc error: code = Unavailable"
    assert "Unavailable" in screen(View([data]), 80, 24)


def test_graph() -> None:
    assert graph([0, 50, 100], 4, 2, 100) == ["   █", "  ██"]
    assert graph([25, 200], 2, 1, 100) == ["▂█"]
    assert graph([1], 1, 1, 0) == [" "]
