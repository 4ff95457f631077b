"""talosctl config: contexts of the client configuration. All but ``new`` work without any node."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from talos.talosctl.options import ClientGroup, Command, Entry, client_options, offer
from talos.talosctl.session import Session

if TYPE_CHECKING:
    from talos.client import Context, TalosConfig

_ALIASES = {
    "use-context": "context",
    "get-contexts": "contexts",
    "endpoints": "endpoint",
    "nodes": "node",
}
_ENTRIES = {"new": Entry("config_new:new", "Write a client configuration with a new certificate")}


@click.group(cls=ClientGroup, entries=_ENTRIES, aliases=_ALIASES)
def config() -> None:
    """Contexts, endpoints and nodes of the client configuration."""


def _path(session: Session) -> Path:
    from talos.client import default_path

    return session.talosconfig or default_path()


def _load(session: Session) -> TalosConfig:
    from talos.client import TalosConfig

    return TalosConfig.load(_path(session))


def _load_or_new(session: Session) -> TalosConfig:
    from talos.client import TalosConfig

    path = _path(session)
    return TalosConfig.load(path) if path.exists() else TalosConfig()


def _pem(path: str, flag: str) -> bytes:
    if not path:
        return b""
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise click.ClickException(f"cannot read {path} of {flag}: {error.strerror}") from error


@config.command("add", cls=Command)
@click.argument("name", metavar="<context>")
@click.option("--ca", default="", metavar="FILE", help="certificate of the authority")
@click.option("--crt", default="", metavar="FILE", help="client certificate")
@click.option("--key", default="", metavar="FILE", help="client key")
@client_options
def _add(session: Session, name: str, ca: str, crt: str, key: str) -> None:
    """Add a context and use it."""
    from talos.client import Context

    found = _load_or_new(session)
    if name in found.contexts:
        raise click.ClickException(f"context {name} exists already; remove it first or choose another name")
    found.contexts[name] = Context(ca=_pem(ca, "--ca"), crt=_pem(crt, "--crt"), key=_pem(key, "--key"))
    found.context = name
    found.save(_path(session))


@config.command("context", cls=Command)
@click.argument("name", metavar="<context>", shell_complete=offer("contexts"))
@client_options
def _use(session: Session, name: str) -> None:
    """Use a context from now on."""
    found = _load(session)
    found.select(name)
    found.context = name
    found.save(_path(session))


@config.command("contexts", cls=Command)
@click.argument("ignored", nargs=-1, expose_value=False)
@client_options
def _contexts(session: Session) -> None:
    """List contexts."""
    from talos.talosctl.output import table

    found = _load(session)
    table(
        ("CURRENT", "NAME", "ENDPOINTS", "NODES"),
        [
            ("*" if name == found.context else "", name, ",".join(c.endpoints), ",".join(c.nodes))
            for name, c in sorted(found.contexts.items())
        ],
    )


@config.command("endpoint", cls=Command)
@click.argument("addresses", nargs=-1, required=True, metavar="<endpoint>...")
@client_options
def _endpoint(session: Session, addresses: tuple[str, ...]) -> None:
    """Set the endpoints of the context: where its nodes' API is reached."""
    found = _load(session)
    found.select(session.context).endpoints = [_host(a) for a in addresses]
    found.save(_path(session))


@config.command("node", cls=Command)
@click.argument("addresses", nargs=-1, metavar="<endpoint>...")
@client_options
def _node(session: Session, addresses: tuple[str, ...]) -> None:
    """Set the nodes that commands are sent to when --nodes is not given; none clears them."""
    found = _load(session)
    found.select(session.context).nodes = [_host(a) for a in addresses]
    found.save(_path(session))


@config.command("proxy-url", cls=Command)
@click.argument("url", default="", metavar="[url]")
@client_options
def _proxy_url(session: Session, url: str) -> None:
    """Set the proxy of the context; none clears it."""
    from talos.client.proxy import check

    if url and (wrong := check(url)):
        raise click.UsageError(wrong)
    found = _load(session)
    extra = found.select(session.context).extra
    extra.pop("proxy-url", None)
    if url:
        extra["proxy-url"] = url
    found.save(_path(session))


@config.command("merge", cls=Command)
@click.argument("sources", nargs=-1, required=True, metavar="<from>")
@client_options
def _merge(session: Session, sources: tuple[str, ...]) -> None:
    """Add the contexts of other client configurations and use theirs."""
    from talos.client import TalosConfig

    found = _load_or_new(session)
    for source in sources:
        for old, new in found.merge(TalosConfig.load(Path(source))):
            click.echo(f"context {old} of {source} is called {new} here: the name was taken", err=True)
    found.save(_path(session))


@config.command("remove", cls=Command)
@click.argument("name", metavar="<context>")
@click.option("--dry-run", is_flag=True, help="only say what would be removed")
@click.option("-y", "--noconfirm", is_flag=True, help="do not ask")
@client_options
def _remove(session: Session, name: str, dry_run: bool, noconfirm: bool) -> None:
    """Remove contexts; * and ? match many."""
    from fnmatch import fnmatchcase

    found = _load(session)
    gone = sorted(n for n in found.contexts if fnmatchcase(n, name))
    if not gone:
        known = ", ".join(sorted(found.contexts)) or "none"
        raise click.ClickException(f"there is no context {name} (there are: {known})")
    if found.context in gone:
        raise click.ClickException(f"context {found.context} is in use; choose another with talosctl config context")
    for context in gone:
        if dry_run:
            click.echo(f"context {context} would be removed", err=True)
        elif noconfirm or click.confirm(f"Remove context {context}?", err=True):
            del found.contexts[context]
            click.echo(f"context {context} removed", err=True)
    if not dry_run:
        found.save(_path(session))


@config.command("info", cls=Command)
@click.option("-o", "--output", type=click.Choice(("text", "json")), default="text", show_default=True)
@client_options
def _info(session: Session, output: str) -> None:
    """Show the context in use: nodes, endpoints, roles, and when its certificate ends."""
    found = _load(session)
    name = session.context or found.context
    context = found.select(session.context)
    roles, relative, date = _certificate(context)
    if output == "json":
        import json

        facts = {
            "context": name,
            "nodes": context.nodes,
            "endpoints": context.endpoints,
            "roles": roles,
            "certTTL": relative,
            "certNotAfter": date,
        }
        click.echo(json.dumps(facts, indent=2))
        return
    ends = f"{relative} ({date})" if date else "not defined"
    for label, value in (
        ("Current context", name),
        ("Nodes", ", ".join(context.nodes)),
        ("Endpoints", ", ".join(context.endpoints)),
        ("Roles", ", ".join(roles)),
        ("Certificate expires", ends),
    ):
        click.echo(f"{label + ':':<21}{value or 'not defined'}")


def _certificate(context: Context) -> tuple[list[str], str, str]:
    """Roles, time left in words, and last day of the client certificate; empty without one."""
    from talos.pki import certificates
    from talos.pki.keys import PKIError

    if not context.crt:
        return [], "", ""
    try:
        end = certificates.not_after(context.crt)
        roles = certificates.organizations(context.crt)
    except PKIError as error:
        raise click.ClickException(f"the context's client certificate: {error}") from error
    return roles, _in_words((end - certificates.utc_now()).total_seconds()), end.strftime("%Y-%m-%d")


_MINUTE, _HOUR, _DAY = 60, 3600, 86400
_WEEK, _MONTH, _YEAR = 7 * _DAY, 30 * _DAY, 360 * _DAY
_STEPS = (
    # below this many seconds: (unit in seconds, word); a unit of 0 means exactly one
    (1, 0, "now"),
    (2, 0, "1 second"),
    (_MINUTE, 1, "seconds"),
    (2 * _MINUTE, 0, "1 minute"),
    (_HOUR, _MINUTE, "minutes"),
    (2 * _HOUR, 0, "1 hour"),
    (_DAY, _HOUR, "hours"),
    (2 * _DAY, 0, "1 day"),
    (_WEEK, _DAY, "days"),
    (2 * _WEEK, 0, "1 week"),
    (_MONTH, _WEEK, "weeks"),
    (2 * _MONTH, 0, "1 month"),
    (_YEAR, _MONTH, "months"),
    (18 * _MONTH, 0, "1 year"),
    (2 * _YEAR, 0, "2 years"),
)


def _in_words(seconds: float) -> str:
    """A span of time as people say it: ``1 year from now``, ``3 days ago``."""
    left = abs(seconds)
    for below, unit, word in _STEPS:
        if left < below:
            text = f"{int(left // unit)} {word}" if unit else word
            break
    else:
        text = f"{int(left // _YEAR)} years"
    if text == "now":
        return text
    return f"{text} {'from now' if seconds > 0 else 'ago'}"


def _host(text: str) -> str:
    """An address or name as commands take it; URLs and empty texts are refused."""
    if not text or "/" in text or any(c.isspace() for c in text):
        raise click.UsageError(f"{text!r} is no address or host name: write it without scheme and path")
    return text
