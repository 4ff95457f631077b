"""Helpers that run until interrupted: a load balancer, a resolver, a receiver of logs.

Talos' own client starts them beside its local clusters. Ours need none, but scripts call them by name, and each is a
few lines over what the node runs itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

import click

from talos.talosctl.options import Command, ListOption

MAX_LINE = 1 << 20
"""bytes of one log line; longer ones are cut"""


def address(text: str, flag: str) -> tuple[str, int]:
    """HOST:PORT, [HOST]:PORT. BadParameter."""
    host, colon, port = text.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise click.BadParameter(f"{text!r}: write ADDRESS:PORT", param_hint=flag)
    return host.strip("[]"), int(port)


def run(what: str, main: Callable[[], Awaitable[None]]) -> None:
    """Start it and wait until interrupted. ClickException if it cannot be started."""

    async def whole() -> None:
        await main()
        await asyncio.Event().wait()

    try:
        asyncio.run(whole())
    except OSError as error:
        raise click.ClickException(f"{what} cannot be started: {error}") from error


def _ready(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@click.command("loadbalancer-launch", cls=Command, hidden=True)
@click.option("--loadbalancer-addr", default="localhost", show_default=True, metavar="ADDRESS", help="where to listen")
@click.option(
    "--loadbalancer-ports", cls=ListOption, default=["6443"], metavar="PORT,...", help="ports [default: 6443]"
)
@click.option("--loadbalancer-upstreams", cls=ListOption, metavar="ADDRESS,...", help="servers, on the same ports")
def loadbalancer_launch(
    loadbalancer_addr: str, loadbalancer_ports: list[str], loadbalancer_upstreams: list[str]
) -> None:
    """Balance TCP connections over servers until interrupted."""
    from talos.controllers.network.load_balancer import LoadBalancer

    ports = [address(f":{port}", "--loadbalancer-ports")[1] for port in loadbalancer_ports]
    if not loadbalancer_upstreams:
        raise click.UsageError("name the servers: --loadbalancer-upstreams ADDRESS,...")

    async def main() -> None:
        for port in ports:
            balancer = LoadBalancer()
            servers = [
                address(server, "--loadbalancer-upstreams") if _has_port(server) else (server.strip("[]"), port)
                for server in loadbalancer_upstreams
            ]
            balancer.set_servers(servers)
            listening = await balancer.start(loadbalancer_addr, port)
            _background(balancer.check_forever())
            _ready(f"balancing {loadbalancer_addr}:{listening} over {', '.join(loadbalancer_upstreams)}")

    run("the load balancer", main)


def _has_port(text: str) -> bool:
    return text.count(":") == 1 or "]:" in text


@click.command("dnsd-launch", cls=Command, hidden=True)
@click.option("--addr", default="localhost:53", show_default=True, metavar="ADDRESS:PORT", help="where to listen")
@click.option("--resolv-conf", default="/etc/resolv.conf", show_default=True, metavar="FILE", help="servers to ask")
def dnsd_launch(addr: str, resolv_conf: str) -> None:
    """Forward DNS questions to the servers of a resolv.conf until interrupted."""
    from talos.controllers.network.dns_forwarder import Forwarder, Listener, Upstream
    from talos.state.clock import LoopClock

    host, port = address(addr, "--addr")
    servers = _nameservers(Path(resolv_conf))

    async def main() -> None:
        forwarder = Forwarder(LoopClock())
        forwarder.set_upstreams([Upstream(*server) for server in servers])
        await Listener(forwarder, "127.0.0.1" if host == "localhost" else host, port).start()
        _ready(f"resolving on {host}:{port} by {', '.join(server for server, _ in servers)}")

    run("the resolver", main)


def _nameservers(path: Path) -> list[tuple[str, int]]:
    """resolv.conf(5). ClickException."""
    try:
        lines = [line.split() for line in path.read_text().splitlines()]
    except OSError as error:
        raise click.ClickException(f"cannot read {path}: {error.strerror}") from error
    found = [(words[1], 53) for words in lines if len(words) > 1 and words[0] == "nameserver"]
    if not found:
        raise click.ClickException(f"{path} names no nameserver")
    return found


@click.command("json-logs-launch", cls=Command, hidden=True)
@click.option("--addr", default="localhost:3000", show_default=True, metavar="ADDRESS:PORT", help="where to listen")
def json_logs_launch(addr: str) -> None:
    """Print the log lines that come over TCP and UDP, each with whom it is from, until interrupted."""
    host, port = address(addr, "--addr")

    async def main() -> None:
        server = await asyncio.start_server(_lines, host, port, limit=MAX_LINE)
        bound = server.sockets[0].getsockname()[1]
        loop = asyncio.get_running_loop()
        await loop.create_datagram_endpoint(_Datagrams, (host, bound))
        _ready(f"receiving logs on {host}:{bound}")

    run("the receiver of logs", main)


async def _lines(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    peer = writer.get_extra_info("peername")[0]
    with contextlib.suppress(ConnectionError), contextlib.closing(writer):
        while True:
            try:
                line = await reader.readuntil(b"\n")
            except asyncio.IncompleteReadError as error:
                _show(peer, error.partial)
                return
            except asyncio.LimitOverrunError as error:
                line = await reader.readexactly(error.consumed)
            _show(peer, line)


class _Datagrams(asyncio.DatagramProtocol):
    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        for line in data.splitlines():
            _show(addr[0], line)


def _show(peer: str, line: bytes) -> None:
    """What others wrote must not steer the terminal."""
    text = line.decode(errors="replace").strip()
    if text:
        print(f"{peer}: {''.join(c if c.isprintable() else repr(c)[1:-1] for c in text)}", flush=True)


_tasks: set[asyncio.Task[None]] = set()


def _background(work: Awaitable[None]) -> None:
    task = asyncio.ensure_future(work)
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
