"""talosctl netstat."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from talos.talosctl.options import Command, client_options
from talos.talosctl.output import table
from talos.talosctl.session import Session

if TYPE_CHECKING:
    from talos.api import machine_pb2

_TIMERS = {"OFF": "off", "ON": "on", "KEEPALIVE": "keepalive", "TIMEWAIT": "timewait", "PROBE": "probe"}
_STATES = {"CLOSEWAIT": "CLOSE_WAIT", "LASTACK": "LAST_ACK"}
_TICKS = 100
"""units of a timer in a second"""


@click.command(cls=Command)
@client_options
@click.option("-v", "--verbose", is_flag=True, help="sockets of every network namespace, with their container")
@click.option("-x", "--extend", is_flag=True, help="owner and inode as well")
@click.option("-p", "--programs", is_flag=True, help="the process that holds a socket as well")
@click.option("-o", "--timers", is_flag=True, help="timers as well")
@click.option("-l", "--listening", is_flag=True, help="only sockets that listen")
@click.option("-a", "--all", "everything", is_flag=True, help="connected and listening sockets")
@click.option("-k", "--pods", is_flag=True, help="sockets of pods with a network of their own as well")
@click.option("-t", "--tcp", is_flag=True, help="only TCP")
@click.option("-u", "--udp", is_flag=True, help="only UDP")
@click.option("-U", "--udplite", is_flag=True, help="only UDP-Lite")
@click.option("-w", "--raw", is_flag=True, help="only raw sockets")
@click.option("-4", "--ipv4", is_flag=True, help="only IPv4")
@click.option("-6", "--ipv6", is_flag=True, help="only IPv6")
@click.argument("pod", metavar="[NAMESPACE/POD]", default="")
def netstat(session: Session, pod: str, **flags: bool) -> None:
    """Show sockets and connections of nodes: connected ones, unless told otherwise.

    With NAMESPACE/POD those of one pod.
    """
    request = _request(flags)
    if pod:
        (node,) = session.targets(exactly_one=True, command="netstat NAMESPACE/POD")
        request.netns.hostnetwork = False
        request.netns.netns.append(_network_of(session, node, pod))
    answers = session.ask("/machine.MachineService/Netstat", request)
    header = ["NODE", "Proto", "Recv-Q", "Send-Q", "Local Address", "Foreign Address", "State"]
    header += ["Uid", "Inode"] if flags["extend"] else []
    header += ["PID/Program name"] if flags["programs"] else []
    header += ["Pod"] if flags["pods"] or flags["verbose"] else []
    header += ["Timer"] if flags["timers"] else []
    rows = [
        _row(node, record, flags)
        for node, a in answers.good
        for message in a.messages
        for record in message.connectrecord
    ]
    if rows:
        table(header, rows)
    answers.finish()


def _request(flags: dict[str, bool]) -> machine_pb2.NetstatRequest:
    from talos.api import machine_pb2

    kind = machine_pb2.NetstatRequest
    chosen = {name: flags[name] for name in ("tcp", "udp", "udplite", "raw")}
    if not any(chosen.values()):
        chosen = {"tcp": True, "udp": True, "udplite": False, "raw": False}
    four, six = flags["ipv4"] or not flags["ipv6"], flags["ipv6"] or not flags["ipv4"]
    protocols = {name: on and four for name, on in chosen.items()} | {f"{n}6": on and six for n, on in chosen.items()}
    everywhere = flags["pods"] or flags["verbose"]
    return kind(
        filter=kind.ALL if flags["everything"] else kind.LISTENING if flags["listening"] else kind.CONNECTED,
        feature=kind.Feature(pid=flags["programs"]),
        l4proto=kind.L4proto(**protocols),
        netns=kind.NetNS(hostnetwork=True, allnetns=everywhere),
    )


def _network_of(session: Session, node: str, pod: str) -> str:
    """Name of the pod's network namespace, as the node knows it."""
    from talos.api import common_pb2, machine_pb2

    request = machine_pb2.ContainersRequest(namespace="k8s.io", driver=common_pb2.CRI)
    reply = session.run(lambda: session.call(node, "/machine.MachineService/Containers", request))
    for message in reply.messages:
        for container in message.containers:
            if container.id == container.pod_id == pod and container.network_namespace:
                return str(container.network_namespace)
    raise click.ClickException(f"pod {pod} not found on node {node}: talosctl containers -k lists them")


def _row(node: str, record: Any, flags: dict[str, bool]) -> list[str]:
    from talos.api import machine_pb2

    state = machine_pb2.ConnectRecord.State.Name(record.state)
    if not record.l4proto.startswith("tcp") and state == "CLOSE":
        state = ""  # a datagram socket without a peer has none
    row = [
        node,
        record.l4proto,
        str(record.rxqueue),
        str(record.txqueue),
        _address(record.localip, record.localport),
        _address(record.remoteip, record.remoteport),
        _STATES.get(state, state),
    ]
    if flags["extend"]:
        row += [str(record.uid), str(record.inode)]
    if flags["programs"]:
        row.append(f"{record.process.pid}/{record.process.name}" if record.process.pid else "-")
    if flags["pods"] or flags["verbose"]:
        row.append(record.netns or "-")
    if flags["timers"]:
        timer = _TIMERS[machine_pb2.ConnectRecord.TimerActive.Name(record.tr)]
        row.append(f"{timer} ({record.timerwhen / _TICKS:.2f}/{record.retrnsmt}/{record.timeout})")
    return row


def _address(ip: str, port: int) -> str:
    """Colons of IPv6 stay bare, as ss and netstat write them; port 0 is any."""
    return f"{ip}:{port or '*'}"
