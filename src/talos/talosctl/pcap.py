"""talosctl pcap."""

from __future__ import annotations

import asyncio
import re
import sys
from pathlib import Path
from typing import IO, TYPE_CHECKING

import click

from talos.talosctl.options import DURATION, Command, client_options
from talos.talosctl.session import Session

if TYPE_CHECKING:
    from talos.api import machine_pb2

_INSTRUCTION = re.compile(r"\{\s*(0x[0-9a-f]+|\d+)\s*,\s*(\d+)\s*,\s*(\d+)\s*,\s*(0x[0-9a-f]+|\d+)\s*\}\s*,?")


@click.command(cls=Command)
@client_options
@click.option("-i", "--interface", default="eth0", metavar="NAME", help="interface to listen on [default: eth0]")
@click.option("-o", "--output", default="", metavar="FILE", help="write a capture file; - is standard output")
@click.option("--promiscuous", is_flag=True, help="also what is meant for others")
@click.option("--duration", type=DURATION, default="0s", help="stop after (default: when interrupted)")
@click.option("--bpf-filter", default="", metavar="CODE", help="compiled filter: $(tcpdump -dd 'tcp port 443')")
@click.option("-s", "--snaplen", type=int, default=4096, hidden=True)
def pcap(
    session: Session, interface: str, output: str, promiscuous: bool, duration: float, bpf_filter: str, snaplen: int
) -> None:
    """Capture packets of one node's network interface; without --output they are shown, a line each."""
    from talos.api import machine_pb2
    from talos.client import ApiError
    from talos.talosctl.pcap_decode import Printer

    (node,) = session.targets(exactly_one=True, command="pcap")
    request = machine_pb2.PacketCaptureRequest(
        interface=interface, promiscuous=promiscuous, snap_len=snaplen, bpf_filter=instructions(bpf_filter)
    )

    async def capture(out: IO[bytes] | Printer) -> None:
        try:
            async with asyncio.timeout(duration or None):
                async for chunk in session.stream(node, "/machine.MachineService/PacketCapture", request):
                    out.write(chunk.bytes)
                    out.flush()
        except TimeoutError:
            pass

    try:
        if not output:
            session.run(lambda: capture(Printer(sys.stdout)))
        elif output == "-":
            session.run(lambda: capture(sys.stdout.buffer))
        else:
            with Path(output).open("wb") as file:
                session.run(lambda: capture(file))
    except ApiError as error:
        if output and output != "-" and not Path(output).stat().st_size:
            Path(output).unlink()
        raise click.ClickException(f"error capturing packets of {interface} on node {node}: {error}") from error


def instructions(text: str) -> list[machine_pb2.BPFInstruction]:
    """What `tcpdump -dd` prints: { code, jump if true, jump if false, constant }, one a line."""
    from talos.api import machine_pb2

    found, at = [], 0
    text = text.strip()
    while at < len(text):
        match = _INSTRUCTION.match(text, at)
        if match is None:
            raise click.UsageError(
                f"--bpf-filter: cannot read {text[at : at + 30]!r}; it takes compiled code: "
                "--bpf-filter \"$(tcpdump -dd 'tcp port 443')\""
            )
        op, jump_true, jump_false, constant = (int(part, 0) for part in match.groups())
        found.append(machine_pb2.BPFInstruction(op=op, jt=jump_true, jf=jump_false, k=constant))
        at = match.end()
        while at < len(text) and text[at].isspace():
            at += 1
    return found
