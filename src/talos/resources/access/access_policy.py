"""AccessPolicy: resource type AccessPolicies.access.pytalos.dev."""

from __future__ import annotations

from datetime import datetime

from talos.access.policy import Grant, Policy
from talos.state.clock import ZERO_TIME
from talos.state.spec import Part, Spec, resource


class GrantPart(Part):
    """What certain names may do. Times: ZERO_TIME for none."""

    name: str = ""
    subjects: list[str] = []
    methods: list[str] = []
    resources: list[str] = []
    nodes: list[str] = []
    not_before: datetime = ZERO_TIME
    not_after: datetime = ZERO_TIME


@resource(
    type="AccessPolicies.access.pytalos.dev",
    namespace="runtime",
    display="AccessPolicy",
    aliases=("accesspolicy",),
    all_aliases=("accesspolicies", "accesspolicies.access", "accesspolicies.access.pytalos"),
    columns=(("Grants", "{.grants[*].name}"), ("Revoked names", "{.revokedNames}")),
)
class AccessPolicySpec(Spec):
    """Grants and revocations in force on the node."""

    grants: list[GrantPart] = []
    revoked_fingerprints: list[str] = []
    revoked_serials: list[str] = []
    revoked_names: list[str] = []

    @classmethod
    def of(cls, policy: Policy) -> AccessPolicySpec:
        """A policy as a resource."""
        grants = [
            GrantPart(
                name=g.name,
                subjects=list(g.subjects),
                methods=list(g.methods),
                resources=list(g.resources),
                nodes=list(g.nodes),
                not_before=g.not_before or ZERO_TIME,
                not_after=g.not_after or ZERO_TIME,
            )
            for g in policy.grants
        ]
        return cls(
            grants=grants,
            revoked_fingerprints=sorted(policy.fingerprints),
            revoked_serials=sorted(policy.serials),
            revoked_names=list(policy.names),
        )

    @property
    def policy(self) -> Policy:
        """The resource as the decision takes it."""

        def moment(time: datetime) -> datetime | None:
            return None if time == ZERO_TIME else time

        grants = tuple(
            Grant(
                g.name,
                tuple(g.subjects),
                tuple(g.methods),
                tuple(g.resources),
                tuple(g.nodes),
                moment(g.not_before),
                moment(g.not_after),
            )
            for g in self.grants
        )
        return Policy(
            grants, frozenset(self.revoked_fingerprints), frozenset(self.revoked_serials), tuple(self.revoked_names)
        )
