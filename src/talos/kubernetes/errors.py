"""Errors of the Kubernetes API boundary; nothing else leaves this package."""

from __future__ import annotations

from typing import Any


class ConnectError(Exception):
    """The API server could not be reached, or the connection broke. Retrying later is the right answer."""


class ApiError(Exception):
    """The API server answered with a Status object (API conventions, "Response Status Kind")."""

    def __init__(self, code: int, reason: str, message: str, details: dict[str, Any] | None = None) -> None:
        super().__init__(message or f"HTTP {code} {reason}")
        self.code = code
        self.reason = reason
        self.details = details or {}

    @property
    def not_found(self) -> bool:
        """The object or its kind does not exist."""
        return self.code == 404

    @property
    def conflict(self) -> bool:
        """Somebody else changed the object, or it exists already."""
        return self.code == 409

    @property
    def gone(self) -> bool:
        """The resource version of a watch is too old: list again."""
        return self.code == 410 or self.reason in ("Expired", "Gone")

    @property
    def retryable(self) -> bool:
        """The server is not ready, overloaded, or has not loaded its authorizer yet: ask again."""
        return self.code in (401, 403, 408, 429) or self.code >= 500
