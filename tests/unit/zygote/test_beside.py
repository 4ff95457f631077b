"""A step of the start in a child of the zygote: waited for, and never failing without a word."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

PROGRAM = """
import os, signal, sys, time, types
sys.modules["_immortal"] = types.SimpleNamespace(immortalize=lambda: 0)  # built into the launcher
from talos.zygote.main import Beside

def wait(to_its_end):
    service = os.fork()
    if service == 0:
        step.wait(to_its_end)
        os.write(1, b"went on\\n")
        os._exit(0)
    return os.waitpid(service, 0)

step = Beside("the step", lambda ready: {step})
{then}
"""
TO_ITS_END = "wait(True); step.ended(os.waitpid(step.pid, 0)[1])"


def run(step: str, then: str = TO_ITS_END) -> tuple[str, str]:
    program = PROGRAM.format(step=step, then=then)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    return done.stdout, done.stderr


def test_what_a_step_does_is_there_for_who_waited(tmp_path: Path) -> None:
    made = tmp_path / "made"
    assert run(f"(time.sleep(0.2), os.mkdir({str(made)!r}))", f"wait(True); print(os.path.isdir({str(made)!r}))") == (
        "went on\nTrue\n",
        "",
    )


def test_who_needs_only_its_beginning_goes_on_before_its_end() -> None:
    then = "wait(False); print(os.waitpid(step.pid, os.WNOHANG)); os.kill(step.pid, signal.SIGKILL)"
    assert run("(ready(), ready(), time.sleep(60))", then) == ("went on\n(0, 0)\n", "")


def test_a_step_that_raises_is_named_and_the_start_goes_on() -> None:
    assert run("os.mkdir('/no/such/parent')") == (
        "went on\n",
        "[zygote] the step: FileNotFoundError: [Errno 2] No such file or directory: '/no/such/parent'\n",
    )


def test_a_step_that_is_killed_is_named_and_the_start_goes_on() -> None:
    assert run(f"os.kill(os.getpid(), {int(signal.SIGSEGV)})") == (
        "went on\n",
        "[zygote] the step: the process was ended by SIGSEGV\n",
    )
