"""Access beyond roles: grants, revoked certificates, and where the audit log is sent."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from talos.access.policy import Policy
from talos.config.access.audit_sink_config import AuditSinkConfig
from talos.config.access.grant_config import GrantConfig
from talos.config.access.revocation_config import RevocationConfig

if TYPE_CHECKING:
    from talos.config.config import Config


class AuditSink(NamedTuple):
    """A destination of the audit log; `url` is tcp://HOST:PORT or udp://HOST:PORT."""

    name: str
    url: str


class AccessView:
    """``cfg.access``."""

    def __init__(self, config: Config) -> None:
        self._config = config

    @cached_property
    def policy(self) -> Policy:
        """Grants and revocations."""
        revocations = self._config.get_all(RevocationConfig)
        return Policy(
            tuple(document.grant for document in self._config.get_all(GrantConfig)),
            frozenset(text for document in revocations for text in document.fingerprints),
            frozenset(text for document in revocations for text in document.serials),
            tuple(text for document in revocations for text in document.names),
        )

    @property
    def audit_sinks(self) -> tuple[AuditSink, ...]:
        """Destinations of the audit log."""
        return tuple(AuditSink(document.name, document.url) for document in self._config.get_all(AuditSinkConfig))
