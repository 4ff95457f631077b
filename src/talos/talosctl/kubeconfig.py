"""talosctl kubeconfig: fetch the administrator's kubeconfig, and merge it into what is there."""

from __future__ import annotations

import gzip
import io
import os
import sys
import tarfile
from pathlib import Path
from typing import Any

import click

from talos.talosctl.options import Command, client_options
from talos.talosctl.session import Session

_LISTS = (("clusters", "cluster"), ("users", "user"), ("contexts", "context"))


@click.command(cls=Command)
@client_options
@click.option("-f", "--force", is_flag=True, help="replace what has the same name, or the file with --merge=false")
@click.option("--force-context-name", default="", metavar="NAME", help="call the context so")
@click.option("-m", "--merge/--no-merge", default=True, help="merge into the file that exists (default)")
@click.argument("path", metavar="[FILE]", default="")
def kubeconfig(session: Session, path: str, force: bool, force_context_name: str, merge: bool) -> None:
    """Fetch the administrator's kubeconfig from a control plane node.

    Without FILE it goes to KUBECONFIG, else to ~/.kube/config; - prints it.
    """
    import yaml

    from talos.client import ApiError
    from talos.talosctl.gen.files import write_file

    (node,) = session.targets(exactly_one=True, command="kubeconfig")
    target = _target(path)
    if target is not None and target.exists() and not merge and not force:
        raise click.ClickException(f"{target} exists already; --force replaces it")

    async def fetch() -> bytes:
        return b"".join([chunk.bytes async for chunk in session.stream(node, "/machine.MachineService/Kubeconfig")])

    try:
        fetched = unpack(session.run(fetch))
    except ApiError as error:
        raise click.ClickException(f"error fetching the kubeconfig from node {node}: {error}") from error
    if target is None and not force_context_name:
        sys.stdout.write(fetched)
        return
    new = yaml.safe_load(fetched)
    if force_context_name:
        _rename_context(new, force_context_name)
    if target is not None and merge and target.exists() and target.stat().st_size:
        try:
            old = yaml.safe_load(target.read_text())
        except yaml.YAMLError as error:
            raise click.ClickException(f"{target} is not YAML, nothing was merged: {error}") from error
        if not isinstance(old, dict):
            raise click.ClickException(f"{target} is not a kubeconfig, nothing was merged")
        for kind, before, after in merge_into(old, new, force):
            print(f"renamed {kind} {before!r} to {after!r}, the name was taken (--force replaces it)", file=sys.stderr)
        new = old
    text = yaml.safe_dump(new, sort_keys=True)
    if target is None:
        sys.stdout.write(text)
    else:
        write_file(target.resolve(), text.encode(), 0o600)


def unpack(archive: bytes) -> str:
    """The file out of the gzipped tar that the API sends."""
    try:
        with tarfile.open(fileobj=io.BytesIO(gzip.decompress(archive))) as tar:
            for member in tar:
                file = tar.extractfile(member)
                if file is not None:
                    return file.read().decode()
    except (OSError, EOFError, tarfile.TarError, UnicodeDecodeError) as error:
        raise click.ClickException(f"the node's answer cannot be unpacked: {error}") from error
    raise click.ClickException("the node's answer holds no file")


def _target(path: str) -> Path | None:
    """Where to write; None for standard output."""
    if path == "-":
        return None
    if path:
        given = Path(path)
        return given / "kubeconfig" if given.is_dir() else given
    named = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    return Path(named) if named else Path.home() / ".kube" / "config"


def _rename_context(config: dict[str, Any], name: str) -> None:
    for context in config["contexts"]:
        if context["name"] == config.get("current-context"):
            context["name"] = name
    config["current-context"] = name


def merge_into(old: dict[str, Any], new: dict[str, Any], force: bool) -> list[tuple[str, str, str]]:
    """Merge `new` into `old`. (kind, name, new name) of every entry that had to take another name."""
    renamed: list[tuple[str, str, str]] = []
    names: dict[str, dict[str, str]] = {kind: {} for kind, _ in _LISTS}
    for kind, body in _LISTS:
        entries = old.get(kind) or []
        old[kind] = entries
        for entry in new.get(kind) or []:
            made = {"name": entry["name"], body: dict(entry[body])}
            if kind == "contexts":
                for reference, target in (("cluster", "clusters"), ("user", "users")):
                    if reference in made[body]:
                        made[body][reference] = names[target].get(made[body][reference], made[body][reference])
            taken = {present["name"]: present for present in entries}
            name, number = entry["name"], 1
            while not force and name in taken and taken[name].get(body) != made[body]:
                name, number = f"{entry['name']}-{number}", number + 1
            if name != entry["name"]:
                renamed.append((body, entry["name"], name))
            names[kind][entry["name"]] = name
            made["name"] = name
            if name in taken:
                entries[entries.index(taken[name])] = made
            else:
                entries.append(made)
    current = new.get("current-context", "")
    old["current-context"] = names["contexts"].get(current, current)
    return renamed
