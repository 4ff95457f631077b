"""The command line as people install it: a wheel in a fresh environment, on a system that is not Linux.

The other systems are not here; what would differ on them is: modules that only a Unix has, and what only a node needs.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ELSEWHERE = """
import builtins, importlib, pkgutil, sys
# What the standard library itself imports here is not what we import.
import asyncio, asyncio.unix_events, getpass, logging, shutil, socket, ssl, subprocess, tarfile, tempfile, uuid, zipfile
import click, cryptography.x509, google.protobuf, grpclib.client, msgspec, rich.live, ruamel.yaml, yaml

UNIX = {"fcntl", "grp", "posix", "pty", "pwd", "resource", "spwd", "syslog", "termios", "tty"}
NODE = ("talos.linux", "talos.machined", "talos.apid", "talos.networkd", "talos.timed", "talos.trustd", "talos.zygote",
        "talos.controllers", "talos.imager", "talos.provision", "talos.etcd")
real = builtins.__import__

def guarded(name, globals=None, locals=None, fromlist=(), level=0):
    importer = (globals or {}).get("__name__", "")
    if importer.startswith("talos"):
        if name in UNIX:
            raise ImportError(f"{importer} imports {name}, which only a Unix has")
        if name.startswith(NODE):
            raise ImportError(f"{importer} imports {name}, which only a node needs")
    return real(name, globals, locals, fromlist, level)

builtins.__import__ = guarded
for package in ("talos.talosctl", "talos.client", "talos.pki", "talos.config", "talos.kubernetes", "talos.api"):
    module = importlib.import_module(package)
    for found in pkgutil.walk_packages(module.__path__, f"{package}."):
        importlib.import_module(found.name)
from talos.talosctl.commands import talosctl
import click

def walk(command, path):
    print(" ".join(path))
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            walk(command.get_command(context, name), [*path, name])

walk(talosctl, ["talosctl"])
"""


def run(*arguments: str | Path, **more: object) -> str:
    done = subprocess.run([str(a) for a in arguments], capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow  # all of it is imported
def test_no_command_needs_a_unix_or_a_node() -> None:
    commands = run(sys.executable, "-c", ELSEWHERE).splitlines()
    assert len(commands) > 130


@pytest.mark.slow
def test_the_wheel_installs_alone(tmp_path: Path) -> None:
    run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", tmp_path, ROOT)
    (wheel,) = tmp_path.glob("*.whl")
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    run(python, "-m", "pip", "install", "--quiet", wheel)
    assert len(run(python, "-c", ELSEWHERE).splitlines()) > 130
    assert "Client:" in run(tmp_path / "venv" / "bin" / "talosctl", "version", "--client")
    assert "kind: KubeAPIServerConfig" in run(
        tmp_path / "venv" / "bin" / "talosctl",
        *("gen", "config", "x", "https://192.0.2.1:6443", "-t", "controlplane", "-o", "-"),
    )
