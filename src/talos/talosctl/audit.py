"""talosctl audit: who did what on a node, and the proof that nobody changed the record of it."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from talos.talosctl.options import DURATION, Command, ListOption, client_options
from talos.talosctl.session import Answers, Failed, Session

if TYPE_CHECKING:
    from talos.audit.verify import Verifier

READ = "/pytalos.audit.AuditService/Read"
_COLUMNS = (("NODE", 15), ("TIME", 24), ("NAME", 16), ("PEER", 21), ("METHOD", 40), ("CODE", 17), ("MS", 8))


@click.command(cls=Command)
@client_options
@click.option("--name", "names", cls=ListOption, metavar="GLOB,...", help="only calls of these names in certificates")
@click.option("--method", "methods", cls=ListOption, metavar="GLOB,...", help="only these methods, as Reboot or Etcd*")
@click.option(
    "--since", default="", metavar="TIME", help="from then on: 2026-01-31T12:00:00Z, or a time ago such as 2h"
)
@click.option("--until", default="", metavar="TIME", help="until then")
@click.option("--failed", is_flag=True, help="only calls that were refused or failed")
@click.option("--tail", type=click.IntRange(min=0), default=0, metavar="N", help="last N records to begin with")
@click.option("-f", "--follow", is_flag=True, help="go on with what is written from now on")
@click.option("-o", "--output", type=click.Choice(["table", "json"]), default="table", help="json: a record a line")
@click.option("--verify", is_flag=True, help="prove the chain instead, and name the first record that breaks it")
@click.option(
    "--anchor", "anchors", cls=ListOption, metavar="SEQ:HASH,...", help="heads kept elsewhere, to verify against"
)
def audit(session: Session, output: str, verify: bool, anchors: list[str], **filters: Any) -> None:
    """Show who called the nodes: time, certificate, method, outcome.

    With --verify every record is checked against the one before it, and the last against the head that the node
    publishes (talosctl get audithead) and against heads that were kept elsewhere (--anchor).
    """
    if verify:
        if any(filters.values()):
            raise click.UsageError("--verify checks the whole log: leave the filters, --tail and --follow out")
        _verify(session, output, anchors)
        return
    if anchors:
        raise click.UsageError("--anchor is for --verify")
    request = _request(**filters)
    show = _Table() if output == "table" else _show_json

    async def read(node: str) -> None:
        async for answer in session.stream(node, READ, request):
            for line in answer.lines:
                show(node, line)
            sys.stdout.flush()

    answers: Answers[None] = session.run(lambda: session.each(read))
    answers.finish()


def _request(
    names: list[str], methods: list[str], since: str, until: str, failed: bool, tail: int, follow: bool
) -> Any:
    from talos.api import pytalos_audit_pb2 as pb

    request = pb.ReadRequest(names=names, methods=methods, failed=failed, tail=tail, follow=follow)
    for text, field in ((since, request.since), (until, request.until)):
        if text:
            field.FromDatetime(moment(text))
    return request


def moment(text: str) -> datetime:
    """A time, or how long ago."""
    try:
        found = datetime.fromisoformat(text)
        return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
    except ValueError:
        pass
    try:
        return datetime.now(UTC) - timedelta(seconds=float(DURATION.convert(text, None, None)))
    except click.UsageError:
        raise click.UsageError(f"{text!r} is neither a time (2026-01-31T12:00:00Z) nor a duration (2h30m)") from None


def _show_json(node: str, line: bytes) -> None:
    # The record as the node wrote it; whoever wants to prove it has every byte.
    print(line.decode("ascii", "replace"))


class _Table:
    """Columns of fixed width, since records come while one looks."""

    def __init__(self) -> None:
        self._begun = False

    def __call__(self, node: str, line: bytes) -> None:
        if not self._begun:
            self._begun = True
            self._print([name for name, _ in _COLUMNS])
        self._print(cells(node, line))

    def _print(self, row: list[str]) -> None:
        padded = "".join(cell.ljust(width) + " " for cell, (_, width) in zip(row, _COLUMNS, strict=False))
        print((padded + "".join(row[len(_COLUMNS) :])).rstrip())


def cells(node: str, line: bytes) -> list[str]:
    """A record as columns; what a caller sent shows no control characters."""
    try:
        record = json.loads(line)
        caller = record.get("caller", {})
        who = caller.get("name") or caller.get("fingerprint", "")[:12] or ("-" if "method" in record else "")
        if "forwarded_by" in record:
            who += "*"
        event = record["event"]
        method = record.get("method", "").removeprefix("/") or f"({event})"
        code = record.get("code", "") if event != "started" else "(started)"
        found = [node, record["time"][:23] + "Z", who, record.get("peer", ""), method, code, f"{record.get('ms', '')}"]
        more = [record.get("message", ""), *([f"nodes {','.join(record['nodes'])}"] if "nodes" in record else [])]
        extra = ("records", "bytes", "through", "expected", "found")
        more += [f"{key}={record[key]}" for key in extra if key in record]
        found.append("  ".join(part for part in more if part))
    except (ValueError, KeyError, AttributeError, TypeError):
        found = [node, "", "", "", "(unreadable record)", "", ""]
    return ["".join(c if c.isprintable() else "�" for c in str(cell)) for cell in found]


def _verify(session: Session, output: str, anchors: list[str]) -> None:
    from talos.api import pytalos_audit_pb2 as pb
    from talos.audit.chain import Head
    from talos.audit.verify import Verifier

    try:
        known = {f"anchor {text.partition(':')[0]}": Head.parse(text) for text in anchors}
    except ValueError as error:
        raise click.UsageError(f"--anchor: {error}") from None

    async def check(node: str) -> Verifier:
        verifier: Verifier | None = None
        async for answer in session.stream(node, READ, pb.ReadRequest()):
            if verifier is None:
                head = Head(answer.head.seq, answer.head.hash)
                verifier = Verifier({"the head that the node publishes": head, **known})
            for line in answer.lines:
                verifier.feed(line)
        assert verifier is not None
        verifier.end()
        return verifier

    answers: Answers[Verifier] = session.run(lambda: session.each(check))
    for node, found in answers.good:
        _report(node, found, output)
    answers.finish()
    if any(found.broken for _, found in answers.good):
        raise Failed


def _report(node: str, found: Verifier, output: str) -> None:
    if output == "json":
        fields = {
            "node": node,
            "records": found.records,
            "first": found.first.seq,
            "head": str(found.last),
            "broken": found.broken,
            "unchecked": found.unchecked,
        }
        print(json.dumps(fields))
    elif found.broken:
        print(f"{node}: the audit log is broken at {found.broken}", file=sys.stderr)
    else:
        print(f"{node}: {found.records} records from {found.first.seq} on, unbroken; head {found.last}")
        for label in found.unchecked:
            print(f"{node}: {label} is older than the first record kept: nothing to compare", file=sys.stderr)
