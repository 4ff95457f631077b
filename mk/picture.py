#!/usr/bin/env python3
"""Turns a recorded terminal into the README picture: `tmux capture-pane -ep | mk/picture.py TITLE > FILE.svg`."""
from __future__ import annotations

import io
import sys

from rich.console import Console
from rich.text import Text

COLUMNS = 172


def main() -> None:
    lines = sys.stdin.read().rstrip().splitlines()
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    for line in lines:
        console.print(Text.from_ansi(line), no_wrap=True, overflow="crop")
    sys.stdout.write(console.export_svg(title=sys.argv[1]))


if __name__ == "__main__":
    main()
