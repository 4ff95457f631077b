"""`talosctl version`, written as scripts write it, without the tree of commands.

They ask it to learn whether a node is there, by the hundred. Whatever is not plain here (another flag, no node, a
talosconfig that cannot be used) gives None: `talos.talosctl.version` answers it, or says what is wrong with it.
"""

from __future__ import annotations

import sys

from talos.talosctl.client_version import node_lines, show

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

PATH = "/machine.MachineService/Version"
FAILED = "error getting version from node {node}: {error}"
_VALUED = {"-n": "nodes", "--nodes": "nodes", "-e": "endpoints", "--endpoints": "endpoints"} | {
    name: name for name in ("--talosconfig", "--context")
}
_VERSION, _FEATURES = 2, 4
"""fields of machine.Version"""
_TAG, _SHA, _BUILT, _LANGUAGE, _OS, _ARCH = range(1, 7)
"""fields of machine.VersionInfo"""


def run(arguments: Sequence[str]) -> int | None:
    """The exit code; None if nothing was done."""
    found = _flags(arguments)
    if found is None:
        return None
    from talos.client.config import ConfigError, TalosConfig, default_file
    from talos.client.unary import ask_context, fits

    try:
        path = found["--talosconfig"]
        context = TalosConfig.load(path[-1] if path else default_file()).select("".join(found["--context"][-1:]))
        calls = [(node, b"") for node in dict.fromkeys(found["nodes"] or context.nodes)]
        if not calls or not fits(calls) or (not found["endpoints"] and not context.endpoints):
            return None
        short = bool(found["--short"])
        answers = ask_context(context, found["endpoints"], PATH, calls)
    except ConfigError:
        return None
    show(short)
    print("Server:", flush=True)
    errors = [_show(node, answer) for (node, _), answer in zip(calls, answers, strict=True)]
    for error in filter(None, errors):
        print(error, file=sys.stderr)
    if not all(errors):
        _renew(context.crt, found)
    return 1 if any(errors) else 0


def _flags(arguments: Sequence[str]) -> dict[str, list[str]] | None:
    """Values by flag, if the command line is `version` and only what is known here."""
    found: dict[str, list[str]] = {"nodes": [], "endpoints": [], "--talosconfig": [], "--context": [], "--short": []}
    commands = 0
    left = iter(arguments)
    for argument in left:
        name, equals, value = argument.partition("=")
        if argument == "version":
            commands += 1
        elif argument == "--short":
            found["--short"].append(argument)
        elif name in _VALUED:
            value = value if equals else next(left, "")
            # An empty value, and quotes around a comma: let the reader of all command lines say what they mean.
            if not value or '"' in value:
                return None
            key = _VALUED[name]
            words = value.split(",") if not key.startswith("-") else [value]
            found[key] += [word.strip() for word in words if word.strip()]
        else:
            return None
    return found if commands == 1 else None


def _show(node: str, answer: bytes | Exception) -> str:
    """Print one node's answer; "" or what is to be said of its failure."""
    if isinstance(answer, Exception):
        return FAILED.format(node=node, error=answer)
    try:
        for message in _fields(answer).get(1, ()):
            fields = _fields(_bytes(message))
            info = _fields(_bytes(fields.get(_VERSION, [b""])[-1]))
            values = [_bytes(info.get(n, [b""])[-1]).decode() for n in (_TAG, _SHA, _BUILT, _LANGUAGE, _OS, _ARCH)]
            features = _fields(_bytes(fields.get(_FEATURES, [b""])[-1]))
            node_lines(node, values, bool(features.get(1, [0])[-1]))
    except (ValueError, IndexError) as error:
        return FAILED.format(node=node, error=f"unreadable answer ({error})")
    return ""


def _bytes(value: bytes | int) -> bytes:
    if isinstance(value, int):
        raise ValueError("a number in place of a message")
    return value


def _fields(data: bytes) -> dict[int, list[bytes | int]]:
    """A message of protobuf by field number, without its descriptor: 30 ms of imports for five short texts."""
    found: dict[int, list[bytes | int]] = {}
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = read_varint(data, at)
            found.setdefault(tag >> 3, []).append(value)
            continue
        size, at = read_varint(data, at) if kind == 2 else ({1: 8, 5: 4}[kind] if kind in (1, 5) else 0, at)
        if kind not in (1, 2, 5) or at + size > len(data):
            raise ValueError("not a message")
        found.setdefault(tag >> 3, []).append(data[at : at + size])
        at += size
    return found


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """A number and what lies behind it. IndexError, ValueError."""
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise ValueError("a number of more than ten bytes")


def _renew(crt: bytes, found: dict[str, list[str]]) -> None:
    """As behind every command that went well, if it is time."""
    from talos.talosctl import renewal

    if renewal.due_now(crt):
        from pathlib import Path

        from talos.talosctl.session import Session

        path = found["--talosconfig"]
        Session(
            talosconfig=Path(path[-1]) if path else None,
            context="".join(found["--context"][-1:]),
            endpoints=found["endpoints"],
        ).renew()
