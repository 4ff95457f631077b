"""A TPM 2.0 in software, one to a test: its registers, and what stands between it and the processor."""

from __future__ import annotations

import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from talos.linux.tpm import Transmit

PROGRAM = "swtpm"
_PCR_EXTEND = 0x182


class Chip:
    """`transmit` speaks to it; `meddle` changes its answers, in order."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.meddle: Callable[[int, bytes], bytes] = lambda _number, answer: answer
        self.answers = 0

    def start(self) -> None:
        self._folder.mkdir(exist_ok=True)
        ours, theirs = socket.socketpair()
        self._process = subprocess.Popen(
            [PROGRAM, "socket", "--tpm2", "--tpmstate", f"dir={self._folder}", "--fd", str(theirs.fileno()),
             "--flags", "not-need-init,startup-clear"],
            pass_fds=(theirs.fileno(),), stdout=subprocess.DEVNULL,
        )  # fmt: skip
        theirs.close()
        self._socket = ours
        self._socket.settimeout(30)

    def stop(self) -> None:
        self._socket.close()
        self._process.terminate()
        self._process.wait()

    def restart(self) -> None:
        """Switch it off and on: its registers are empty again, its keys the same."""
        self.stop()
        time.sleep(0)
        self.start()

    def transmit(self, command: bytes) -> bytes:
        self._socket.sendall(command)
        answer = self._socket.recv(4096)
        self.answers += 1
        return self.meddle(self.answers, answer)

    def extend(self, register: int) -> None:
        """What a changed boot does."""
        password = struct.pack(">IHBH", 0x40000009, 0, 1, 0)
        body = struct.pack(">II", register, len(password)) + password + struct.pack(">IH", 1, 0x0B) + b"\1" * 32
        answer = self.transmit(struct.pack(">HII", 0x8002, 10 + len(body), _PCR_EXTEND) + body)
        assert struct.unpack(">I", answer[6:10]) == (0,)

    @contextmanager
    def opened(self) -> Iterator[Transmit]:
        yield self.transmit
