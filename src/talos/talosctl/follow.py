"""Streams of text from several nodes at once, whole lines only, each with its node in front."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from talos.talosctl.session import Answers, Session

if TYPE_CHECKING:
    from google.protobuf.message import Message


def print_lines(session: Session, path: str, request: Message) -> None:
    """Print the data of a stream of common.Data of every node until it ends."""

    async def one(node: str) -> None:
        rest = b""
        async for chunk in session.stream(node, path, request):
            *lines, rest = (rest + chunk.bytes).split(b"\n")
            write(node, lines)
        if rest:
            write(node, [rest])

    def write(node: str, lines: list[bytes]) -> None:
        prefix = f"{node}: ".encode()
        sys.stdout.buffer.write(b"".join(prefix + line + b"\n" for line in lines))
        sys.stdout.buffer.flush()

    answers: Answers[None] = session.run(lambda: session.each(one))
    answers.finish()
