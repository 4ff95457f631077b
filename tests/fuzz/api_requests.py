"""Coverage-guided fuzzing of what strangers and callers send to the API: ``make fuzz``, or this with libFuzzer's flags.

The first byte of an input chooses the decoder. Headers of a call, the identity that a passed-on call carries, an answer
that is to be marked: any bytes are taken or refused in the way the decoder says, never by another exception. A request
of a method: its handler answers, or refuses with a status; any other exception is a finding.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["talos.apid", "talos.transport", "talos.machined.api", "talos.state"]):
    from talos.api import common_pb2
    from talos.apid import splice
    from talos.apid.request import Request
    from talos.transport.identity import Identity, parse_roles

    sys.path.insert(0, str(Path(__file__).parent))
    from handlers import METHODS, Fuzzed

fuzzed = Fuzzed()


def headers(data: bytes) -> None:
    """Lines of key=value."""
    pairs = [line.partition(b"=")[::2] for line in data.split(b"\n")]
    try:
        request = Request(pairs)  # type: ignore[arg-type]
    except (ValueError, UnicodeDecodeError):
        return
    parse_roles(request.roles)


def identity(data: bytes) -> None:
    found = Identity.decode(data.decode("latin-1"))
    assert found is None or Identity.decode(found.encode()) == found


def marked(data: bytes) -> None:
    """What is marked is a readable message again, whatever the node answered."""
    assert splice.mark_unary(data, "node")
    common_pb2.DataResponse.FromString(splice.failed_unary("node", 7, data.decode("latin-1")))


def one_input(data: bytes) -> None:
    """What must hold of any bytes."""
    if not data:
        return
    kind, rest = data[0], data[1:]
    if kind < 3:
        (headers, identity, marked)[kind](rest)
    else:
        fuzzed.call(METHODS[(kind - 3) % len(METHODS)], rest)


def main() -> None:
    """Run until told to stop."""
    logging.disable(logging.CRITICAL)
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
