"""The dashboard's screen: a column for each node, below them the chosen node's kernel messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.align import Align
from rich.console import Group
from rich.layout import Layout
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from talos.talosctl.output import duration, size

if TYPE_CHECKING:
    from rich.console import ConsoleDimensions, RenderableType

    from talos.talosctl.dashboard_data import NodeData

_BARS = " ▁▂▃▄▅▆▇█"
_GRAPH_ROWS = 3
_SHORTEST_MESSAGES = 6
_NARROWEST = 46
_NEXT, _BEFORE = ("\x1b[C", "\t", "n"), ("\x1b[D", "p")


def graph(values: Sequence[float], width: int, rows: int, top: float) -> list[str]:
    """Lines of a bar graph, the newest value on the right; `top` is a full bar."""
    shown = list(values)[-width:]
    shown = [0.0] * (width - len(shown)) + shown
    lines = []
    for row in range(rows - 1, -1, -1):
        cells = []
        for value in shown:
            eighths = round(min(1.0, value / top if top else 0.0) * rows * 8)
            cells.append(_BARS[max(0, min(8, eighths - row * 8))])
        lines.append("".join(cells))
    return lines


class View:
    """What is shown, and what keys change of it."""

    def __init__(self, nodes: Sequence[NodeData]) -> None:
        self._nodes = nodes
        self._chosen = 0
        self._messages = True

    def press(self, key: str) -> bool:
        """False when it was the last one."""
        if key in ("q", "Q", "\x1b", "\x03"):
            return False
        if key in _NEXT:
            self._chosen = (self._chosen + 1) % len(self._nodes)
        elif key in _BEFORE:
            self._chosen = (self._chosen - 1) % len(self._nodes)
        elif key.isdigit() and 0 < int(key) <= len(self._nodes):
            self._chosen = int(key) - 1
        elif key == "l":
            self._messages = not self._messages
        return True

    def render(self, screen: ConsoleDimensions) -> RenderableType:
        """The whole screen. As many nodes as there is room for, the chosen one among them."""
        fitting = max(1, screen.width // _NARROWEST)
        first = min(max(0, self._chosen - fitting + 1), max(0, len(self._nodes) - fitting))
        shown = list(enumerate(self._nodes))[first : first + fitting]
        width = screen.width // len(shown)
        below = max(_SHORTEST_MESSAGES, screen.height // 3) if self._messages and screen.height > 20 else 0
        layout = Layout()
        columns = Layout(name="nodes")
        columns.split_row(
            *(
                Layout(self._node(entry, width - 4, screen.height - below - 1, index == self._chosen), name=str(index))
                for index, entry in shown
            )
        )
        parts = [columns]
        if below:
            parts.append(Layout(self._log(below - 2, screen.width - 4), name="messages", size=below))
        parts.append(Layout(self._foot(first, len(shown)), name="foot", size=1))
        layout.split_column(*parts)
        return layout

    def _node(self, entry: NodeData, width: int, height: int, chosen: bool) -> Panel:
        left = height - 2 - 4 - 3 * (_GRAPH_ROWS + 1) - 1
        peak = max([1000.0, *list(entry.received)[-width:], *list(entry.sent)[-width:]])
        traffic = [a + b for a, b in zip(entry.received, entry.sent, strict=False)]
        down, up = _last(entry.received), _last(entry.sent)
        body: list[RenderableType] = [
            self._summary(entry),
            _titled("CPU", f"{_last(entry.cpu):5.1f} %  load {' '.join(f'{x:.2f}' for x in entry.load)}", width),
            _graph(entry.cpu, width, 100, "green"),
            _titled(
                "MEM", f"{_last(entry.memory):5.1f} %  {size(entry.memory_used)} of {size(entry.memory_total)}", width
            ),
            _graph(entry.memory, width, 100, "blue"),
            _titled("NET", f"in {size(down)}/s  out {size(up)}/s", width),
            _graph(traffic, width, max(peak, *traffic) if traffic else peak, "magenta"),
            _services(entry, max(1, left)),
        ]
        title = f"{entry.hostname or entry.node} {entry.node if entry.hostname else ''}".strip()
        border = "red" if entry.error else "cyan" if chosen else "white"
        return Panel(Group(*body), title=title, border_style=border, height=height)

    @staticmethod
    def _summary(entry: NodeData) -> RenderableType:
        if entry.error:
            return Text(entry.error, style="red", overflow="ellipsis", no_wrap=False)
        state = "ready" if entry.ready else "not ready" if entry.ready is not None else ""
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(f"{entry.version}  {entry.machine_type}  {entry.cpus} CPU  up {duration(int(entry.uptime_s))}\n")
        text.append(entry.stage or "?")
        text.append(f" {state}", style="green" if entry.ready else "yellow")
        text.append(f"  {entry.processes} running\n")
        text.append("; ".join(entry.unmet), style="yellow")
        return text

    def _log(self, rows: int, width: int) -> Panel:
        entry = self._nodes[self._chosen]
        lines = [line[:width] for line in list(entry.messages)[-rows:]]
        return Panel(
            Text("\n".join(lines), no_wrap=True), title=f"kernel messages of {entry.node}", border_style="cyan"
        )

    def _foot(self, first: int, count: int) -> RenderableType:
        hidden = len(self._nodes) - count
        more = f"  {hidden} more nodes" if hidden else ""
        return Align.center(Text(f"←/→ node   l messages   q quit{more}", style="dim"))


def _last(values: Sequence[float]) -> float:
    return values[-1] if values else 0.0


def _titled(name: str, figures: str, width: int) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    text.append(name, style="bold")
    text.append(f" {figures}"[: max(0, width - len(name))])
    return text


def _graph(values: Sequence[float], width: int, top: float, style: str) -> Text:
    return Text("\n".join(graph(values, width, _GRAPH_ROWS, top)), style=style, no_wrap=True)


def _services(entry: NodeData, rows: int) -> Table:
    """As many as fit; those that are not well first, so that they are seen."""
    table = Table(box=None, pad_edge=False, expand=True, show_header=False)
    table.add_column(ratio=2, no_wrap=True)
    table.add_column(ratio=2, no_wrap=True)
    table.add_column(ratio=1, no_wrap=True)
    for name, state, health in sorted(entry.services, key=lambda s: (s[2] == "OK", s[0]))[:rows]:
        style = "green" if health == "OK" else "red" if health == "Fail" else "yellow"
        table.add_row(name, state, Text(health, style=style))
    return table
