"""The decision about one call: role, revocation, grants, in this order.

A grant never gives what the role in the certificate does not: the certificate, signed by the cluster's authority, stays
the upper bound, and whoever may only change configurations of a node cannot make an administrator of a reader. So
grants cut: a name that any grant mentions may call what its grants list and nothing else, whether they are in force or
not; a grant that has run out leaves less, never more. Names that no grant mentions are as free as their role.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from fnmatch import fnmatchcase

from msgspec import Struct, field

from talos import rbac
from talos.access.methods import matches

ALWAYS = frozenset({"/pytalos.access.AccessService/Explain"})
"""Not subject to grants: how somebody whom they refuse finds out why."""
STATE = "/cosi.resource.State/"
DESCRIPTIONS = frozenset({"ResourceDefinitions.meta.cosi.dev", "Namespaces.meta.cosi.dev"})
"""Types that say which types there are; without them no client can ask for any."""


class Grant(Struct, frozen=True):
    """What certain names may do. Empty `resources` and `nodes`: all."""

    name: str
    subjects: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    resources: tuple[str, ...] = ()
    nodes: tuple[str, ...] = ()
    not_before: datetime | None = None
    not_after: datetime | None = None

    def concerns(self, name: str) -> bool:
        """The name in a certificate is one of the subjects."""
        return any(fnmatchcase(name, glob) for glob in self.subjects)

    def in_force(self, now: datetime) -> bool:
        """Within its window."""
        return (self.not_before is None or now >= self.not_before) and (self.not_after is None or now < self.not_after)

    def covers_method(self, method: str) -> bool:
        """Listed by name or glob, or as one of a role's methods."""
        return any(
            rbac.allowed(method, {entry}) if entry in rbac.KNOWN else matches(method, entry) for entry in self.methods
        )

    def covers_node(self, names: Iterable[str]) -> bool:
        """One of a node's names or addresses."""
        return not self.nodes or any(fnmatchcase(n.lower(), glob.lower()) for n in names for glob in self.nodes)

    def covers_resource(self, namespace: str, type: str) -> bool:
        """Listed as Type.group or namespace/Type.group, in upper or lower case."""
        if not self.resources or type in DESCRIPTIONS:
            return True
        forms = (type.lower(), f"{namespace}/{type}".lower())
        return any(fnmatchcase(form, glob.lower()) for form in forms for glob in self.resources)


class Question(Struct, frozen=True):
    """A call to be decided."""

    method: str
    roles: frozenset[str]
    name: str = ""
    fingerprint: str = ""
    """"" for whoever showed no certificate (maintenance mode, the node's own processes): roles alone decide"""
    serial: str = ""
    node_names: frozenset[str] | None = None
    """of the node that carries the call out; None where it is passed on: the target decides about itself"""
    resource: tuple[str, str] | None = None
    """namespace and type, where they are known"""
    maintenance: bool = False


class Decision(Struct):
    """Allowed or not, and the steps that led there, in words."""

    allowed: bool = True
    reason: str = ""
    steps: list[str] = field(default_factory=list)

    def refuse(self, reason: str) -> None:
        """Not allowed; the first reason stays."""
        if self.allowed:
            self.allowed, self.reason = False, reason


class Policy(Struct, frozen=True):
    """Grants and revocations of one node's configuration."""

    grants: tuple[Grant, ...] = ()
    fingerprints: frozenset[str] = frozenset()
    """SHA-256 of revoked certificates, lower case hexadecimal"""
    serials: frozenset[str] = frozenset()
    """lower case hexadecimal without leading zeros"""
    names: tuple[str, ...] = ()
    """globs of names of which every certificate is revoked"""

    def revocation(self, name: str, fingerprint: str, serial: str) -> str:
        """Why a certificate is revoked, "" if it is not."""
        if not fingerprint:
            return ""
        if fingerprint in self.fingerprints:
            return "the certificate is revoked by its fingerprint"
        if serial in self.serials:
            return "the certificate is revoked by its serial number"
        if name and any(fnmatchcase(name, glob) for glob in self.names):
            return f"certificates of {name} are revoked"
        return ""

    def refusal(self, question: Question, now: datetime) -> str:
        """Why a call that the role allows is refused all the same, "" if it is not."""
        if not question.fingerprint or self == NONE:
            return ""
        if revoked := self.revocation(question.name, question.fingerprint, question.serial):
            return revoked
        if question.method in ALWAYS:
            return ""
        mine = [grant for grant in self.grants if grant.concerns(question.name)]
        if not mine or any(not _lacking(grant, question, now) for grant in mine):
            return ""
        who = question.name or "certificates without a name"
        return f"no grant for {who} covers it (talosctl auth why {question.method.rpartition('/')[2]})"

    def decide(self, question: Question, now: datetime) -> Decision:
        """The whole decision with its steps."""
        found = Decision()
        roles = ", ".join(sorted(question.roles)) or "no role"
        if rbac.allowed(question.method, question.roles, question.maintenance):
            found.steps.append(f"role: {roles} may call it")
        else:
            found.refuse(rbac.refusal(question.method, question.roles, question.maintenance))
            able = rbac.needed(question.method, question.maintenance) & rbac.KNOWN
            found.steps.append(f"role: {roles} may not call it; {' or '.join(sorted(able)) or 'nobody'} may")
        if revoked := self.revocation(question.name, question.fingerprint, question.serial):
            found.steps.append(f"revocation: {revoked}")
            found.refuse(f"{rbac.NOT_AUTHORIZED}: {revoked}")
        elif self.fingerprints or self.serials or self.names:
            found.steps.append("revocation: the certificate is not revoked")
        mine = [grant for grant in self.grants if grant.concerns(question.name)]
        for grant in mine:
            lacking = _lacking(grant, question, now)
            found.steps.append(f"grant {grant.name}: {'covers it' if not lacking else '; '.join(lacking)}")
        if self.grants and not mine:
            who = question.name or "a certificate without a name"
            found.steps.append(f"grants: none is about {who}: the role alone decides")
        if refused := self.refusal(question, now):
            found.refuse(f"{rbac.NOT_AUTHORIZED}: {refused}")
        return found

    def next_change(self, now: datetime) -> datetime | None:
        """When a window opens or closes next."""
        moments = [m for g in self.grants for m in (g.not_before, g.not_after) if m is not None and m > now]
        return min(moments, default=None)


NONE = Policy()
"""Without documents of ours: roles alone."""


def _lacking(grant: Grant, question: Question, now: datetime) -> list[str]:
    """In what a grant does not cover a call."""
    found = []
    if not grant.in_force(now):
        late = grant.not_after is not None and now >= grant.not_after
        found.append(f"ran out at {grant.not_after}" if late else f"begins at {grant.not_before}")
    if not grant.covers_method(question.method):
        found.append("does not list the method")
    if question.node_names is not None and not grant.covers_node(question.node_names):
        found.append("is for other nodes")
    if question.resource is not None and not grant.covers_resource(*question.resource):
        found.append(f"does not list the resource type {question.resource[1]}")
    return found
