"""Grants and revocations as machined applies them, although apid has before: a fault in apid must not open the machine,
and what a call is about (a resource type) only machined knows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from talos.access.policy import NONE, Policy, Question
from talos.resources.network.hostname_status import HostnameStatusSpec
from talos.resources.network.node_address import NodeAddressSpec
from talos.resources.own_names import own_names

if TYPE_CHECKING:
    from talos.machined.node import Node
    from talos.transport.identity import Identity


class NodeAccess:
    """Decisions on this node."""

    def __init__(self, node: Node) -> None:
        self._node = node

    @property
    def policy(self) -> Policy:
        """What the configuration in force says."""
        config = self._node.config.current
        return NONE if config is None else config.access.policy

    def names(self) -> frozenset[str]:
        """What the node may be called in a grant."""
        addresses = next((r.spec for r in self._node.state.peek(NodeAddressSpec) if r.md.id == "current"), None)
        hostname = next((r.spec for r in self._node.state.peek(HostnameStatusSpec)), None)
        return own_names(addresses, hostname)

    def question(
        self, method: str, roles: frozenset[str], caller: Identity, resource: tuple[str, str] | None = None
    ) -> Question:
        """A call of somebody to this node."""
        return Question(
            method,
            roles,
            caller.common_name,
            caller.fingerprint,
            caller.serial,
            self.names(),
            resource,
            self._node.in_maintenance,
        )

    def refusal(
        self, method: str, roles: frozenset[str], caller: Identity, resource: tuple[str, str] | None = None
    ) -> str:
        """Why a call that the role allows is refused all the same, "" if it is not."""
        policy = self.policy
        if policy is NONE or policy == NONE:
            return ""
        return policy.refusal(self.question(method, roles, caller, resource), self._node.env.clock.now())
