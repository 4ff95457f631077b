"""A step of the start in a child of the zygote: waited for, and never failing without a word."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import os, signal, sys, types
sys.modules["_immortal"] = types.SimpleNamespace(immortalize=lambda: 0)  # built into the launcher
from talos.zygote.main import Beside
step = Beside("the step", lambda: {step})
step.join()
print("joined")
"""


def run(step: str) -> tuple[str, str]:
    program = PROGRAM.format(step=step)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout, done.stderr


def test_what_a_step_does_is_there_when_it_is_joined(tmp_path: Path) -> None:
    made = tmp_path / "made"
    assert run(f"os.mkdir({str(made)!r})") == ("joined\n", "")
    assert made.is_dir()


def test_a_step_that_raises_is_named_and_the_start_goes_on() -> None:
    assert run("os.mkdir('/no/such/parent')") == (
        "joined\n",
        "[zygote] the step: FileNotFoundError: [Errno 2] No such file or directory: '/no/such/parent'\n",
    )


def test_a_step_that_is_killed_is_named_and_the_start_goes_on() -> None:
    assert run(f"os.kill(os.getpid(), {int(signal.SIGSEGV)})") == (
        "joined\n",
        "[zygote] the step: the process was ended by SIGSEGV\n",
    )
