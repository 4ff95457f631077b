"""The one error of the imager: what failed, and what to do next."""

from __future__ import annotations

import shlex
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path


class ImageError(Exception):
    """The image could not be built; the text names the part and the next step."""


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    hint: str = "",
    text: str | None = None,
) -> str:
    """Runs a tool and returns its standard output; a failure carries its words and a line to repeat it. text: its
    standard input."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(words, cwd=cwd, env=env, input=text, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise ImageError(f"{words[0]} is not installed; `make setup` installs what the build needs") from error
    if done.returncode != 0:
        said = (done.stderr.strip() or done.stdout.strip())[-2000:]
        what = f"{words[0]} failed with exit code {done.returncode}: {said}\nto repeat it: {shlex.join(words)[:2000]}"
        raise ImageError(f"{what}\n{hint}" if hint else what)
    return done.stdout
