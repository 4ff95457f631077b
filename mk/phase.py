#!/usr/bin/env python3
"""Runs one phase of the build: `phase.py NAME LOGFILE COMMAND [ARG …]`.

The command's output goes to LOGFILE; the terminal shows one line with the phase, the elapsed time and the last thing
the command said. A phase that fails prints the end of its log and a line that can be pasted to repeat it.
Only the standard library: this runs before anything is installed.
"""
from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path

TAIL_LINES = 40
REFRESH_S = 0.2


def last_line(path: Path) -> str:
    with path.open("rb") as f:
        f.seek(0, os.SEEK_END)
        f.seek(max(0, f.tell() - 2048))
        lines = [line.strip() for line in f.read().decode(errors="replace").replace("\r", "\n").split("\n")]
    return next((line for line in reversed(lines) if line), "")


def show(name: str, began: float, text: str, end: str) -> None:
    line = f"{name:<12} {time.monotonic() - began:6.1f} s  {text}"
    if sys.stdout.isatty():
        width = os.get_terminal_size().columns - 1
        print("\r\x1b[K" + line[:width], end=end, flush=True)
    elif end:
        print(line, flush=True)


def main() -> int:
    name, log_name, *command = sys.argv[1:]
    log = Path(log_name)
    log.parent.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    announced = began
    show(name, began, "started", "" if sys.stdout.isatty() else "\n")
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
        while True:
            try:
                code = process.wait(timeout=REFRESH_S)
                break
            except subprocess.TimeoutExpired:
                quiet = not sys.stdout.isatty()
                if quiet and time.monotonic() - announced < 30:
                    continue
                announced = time.monotonic()
                show(name, began, last_line(log), "\n" if quiet else "")
    seconds = round(time.monotonic() - began, 1)
    with (log.parent / "phases.jsonl").open("a") as record:  # `make bench` reads how long a cold build took
        record.write(json.dumps({"phase": name, "seconds": seconds, "exit": code, "at": int(time.time())}) + "\n")
    if code == 0:
        show(name, began, "done: " + last_line(log), "\n")
        return 0
    show(name, began, f"FAILED with exit code {code}; the end of {log}:", "\n")
    print("\n".join(log.read_text(errors="replace").splitlines()[-TAIL_LINES:]))
    print(f"\nto repeat it: {shlex.join(command)}")
    return code if 0 < code < 256 else 1


if __name__ == "__main__":
    sys.exit(main())
