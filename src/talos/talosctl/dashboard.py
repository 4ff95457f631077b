"""talosctl dashboard: nodes on a full screen, side by side."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Iterator
from typing import Any

import click

from talos.talosctl.options import DURATION, Command, client_options
from talos.talosctl.session import Session

_REDRAW_S = 0.25
_LOG_LINES = 200


@click.command(cls=Command)
@client_options
@click.option("-d", "--update-interval", type=DURATION, default="3s", help="time between two looks (default: 3s)")
def dashboard(session: Session, update_interval: float) -> None:
    """Watch nodes on a full screen: state, load, network, services and kernel messages.

    Arrow keys choose the node whose messages are shown, l hides the messages, q ends it.
    """
    if not sys.stdout.isatty():
        raise click.ClickException("the dashboard needs a terminal; talosctl stats, memory and services print figures")
    if update_interval <= 0:
        raise click.UsageError("--update-interval must be longer than nothing")
    nodes = session.targets()
    session.run(lambda: _watch(session, nodes, update_interval))


async def _watch(session: Session, nodes: list[str], interval_s: float) -> None:
    from rich.console import Console
    from rich.live import Live

    from talos.talosctl.dashboard_data import NodeData
    from talos.talosctl.dashboard_view import View

    data = [NodeData(node) for node in nodes]
    view = View(data)
    tasks = [asyncio.create_task(entry.follow(session, interval_s)) for entry in data]
    tasks += [asyncio.create_task(entry.follow_messages(session, _LOG_LINES)) for entry in data]
    pressed: asyncio.Queue[str] = asyncio.Queue()
    try:
        with _keys(pressed), Live(console=Console(), screen=True, auto_refresh=False) as live:
            while True:
                live.update(view.render(live.console.size), refresh=True)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_REDRAW_S):
                        if not view.press(await pressed.get()):
                            return
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@contextlib.contextmanager
def _keys(pressed: asyncio.Queue[str]) -> Iterator[None]:
    """Keys as they are pressed; none on a system whose terminal cannot be told so, where Ctrl-C ends it."""
    try:
        import termios
        import tty
    except ImportError:
        yield
        return
    if not sys.stdin.isatty():
        yield
        return
    saved: list[Any] = termios.tcgetattr(sys.stdin)
    loop = asyncio.get_running_loop()

    def read() -> None:
        import os

        text = os.read(sys.stdin.fileno(), 64).decode(errors="replace")
        pressed.put_nowait(text)

    tty.setcbreak(sys.stdin)
    loop.add_reader(sys.stdin.fileno(), read)
    try:
        yield
    finally:
        loop.remove_reader(sys.stdin.fileno())
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, saved)
