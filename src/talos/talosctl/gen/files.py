"""Writing generated files: all or none, and never over an existing one unless told to."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from talos.talosctl.options import Command

F = TypeVar("F", bound=Callable[..., Any])


def force_option(command: F) -> F:
    """``--force`` after the subcommand as well as before it."""
    return click.option("-f", "--force", is_flag=True, help="overwrite files that exist")(command)


def forced(own: bool) -> bool:
    """Whether ``--force`` was given, to the subcommand or to ``gen``."""
    context = click.get_current_context()
    return own or bool(context.parent and context.parent.params.get("force"))


def write_files(files: dict[str, tuple[str | bytes, int]], *, force: bool) -> None:
    """Write path -> (content, mode); ``-`` is standard output. ClickException, and then no file was touched."""
    taken = [path for path in files if path != "-" and Path(path).exists()]
    if taken and not force:
        raise click.ClickException(
            f"{', '.join(taken)} exists already; --force overwrites, --output names another place"
        )
    for path, (content, mode) in files.items():
        data = content.encode() if isinstance(content, str) else content
        if path == "-":
            sys.stdout.write(data.decode())
            continue
        try:
            write_file(Path(path), data, mode)
        except OSError as error:
            raise click.ClickException(f"cannot write {path}: {error.strerror or error}") from error


def write_file(path: Path, data: bytes, mode: int) -> None:
    """Replace a file at once, so that a full disk leaves the old one; missing folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.exists() and not path.is_file():
        path.write_bytes(data)  # a pipe or a device cannot be replaced
        return
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            file.write(data)
            if hasattr(os, "fchmod"):
                os.fchmod(file.fileno(), mode)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_file(path: str, what: str) -> bytes:
    """Content of a file, ``-`` is standard input. ClickException that names the file."""
    try:
        return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise click.ClickException(f"cannot read {what} {path}: {error.strerror or error}") from error


def read_patches(values: tuple[str, ...], flag: str) -> list[str]:
    """Patches as given to a flag: text, or @FILE."""
    found = []
    for value in values:
        text = read_file(value[1:], f"the patch of {flag}").decode(errors="replace") if value.startswith("@") else value
        found.append(text)
    return found


__all__ = ["Command", "force_option", "forced", "read_file", "read_patches", "write_file", "write_files"]
