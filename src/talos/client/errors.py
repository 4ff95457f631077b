"""The one exception of calls to a node, and the translation into it."""

from __future__ import annotations

import os
import socket
import ssl

from grpclib.const import Status
from grpclib.exceptions import GRPCError, ProtocolError, StreamTerminatedError

_NAMES = {Status.OK: "OK", Status.CANCELLED: "Canceled"}


def status_name(status: Status) -> str:
    """Name as Talos users know it, `FailedPrecondition`."""
    return _NAMES.get(status) or "".join(part.capitalize() for part in status.name.split("_"))


class ApiError(Exception):
    """A call failed. `node` is the target it was meant for, "" if the endpoint itself."""

    def __init__(self, status: Status, text: str, node: str = "") -> None:
        super().__init__(text)
        self.status = status
        self.text = text
        self.node = node

    def __str__(self) -> str:
        return f"rpc error: code = {status_name(self.status)} desc = {self.text}"


_TLS_REASONS = {
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": "it asks for a client certificate: the node is configured already, "
    "use a talosconfig instead of --insecure",
    "TLSV1_ALERT_UNKNOWN_CA": "it does not accept the client certificate, which another CA has signed: "
    "is this the talosconfig of that cluster?",
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": "the client certificate has expired: make a new one (talosctl config new)",
    "SSLV3_ALERT_BAD_CERTIFICATE": "it does not accept the client certificate",
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": "it does not accept the client certificate",
    "SSLV3_ALERT_UNSUPPORTED_CERTIFICATE": "the client certificate is not one for clients",
    "TLSV1_ALERT_DECRYPT_ERROR": "it does not accept the client certificate, which another CA has signed: "
    "is this the talosconfig of that cluster?",
    "WRONG_VERSION_NUMBER": "it does not speak TLS",
}


def connection_text(endpoint: str, error: BaseException) -> str:
    """What went wrong between us and an endpoint, and what to look at."""
    if isinstance(error, ssl.SSLCertVerificationError):
        if "IP address mismatch" in error.verify_message or "Hostname mismatch" in error.verify_message:
            return f"{endpoint}: its certificate is for other names ({error.verify_message})"
        return (
            f"{endpoint}: its certificate is not signed by the CA of this talosconfig ({error.verify_message}); "
            "a node without configuration needs --insecure"
        )
    if isinstance(error, ssl.SSLError):
        reason = getattr(error, "reason", None) or ""
        return f"{endpoint}: {_TLS_REASONS.get(reason, f'TLS failed ({reason or error.args[-1]})')}"
    if isinstance(error, ConnectionResetError | BrokenPipeError):
        return (
            f"{endpoint}: it closed the connection; does it accept this client certificate, or with --insecure, none?"
        )
    if isinstance(error, TimeoutError):
        return f"{endpoint}: no connection in time"
    return f"{endpoint}: {_reason(error)}"


def _reason(error: BaseException) -> str:
    """asyncio says of a refused connection only which call failed."""
    if isinstance(error, OSError) and error.errno and not isinstance(error, socket.gaierror):
        return os.strerror(error.errno)
    return str(getattr(error, "strerror", None) or error or type(error).__name__)


def translate(error: BaseException, node: str, endpoint: str, lost: BaseException | None = None) -> ApiError:
    """Any exception of a call as ApiError. `lost` is why the connection ended, if it did."""
    if isinstance(error, ApiError):
        return error
    if isinstance(error, GRPCError):
        return ApiError(error.status, error.message or "", node)
    if isinstance(error, TimeoutError):
        return ApiError(Status.DEADLINE_EXCEEDED, f"{endpoint} did not answer in time", node)
    if lost is not None:
        return ApiError(Status.UNAVAILABLE, connection_text(endpoint, lost), node)
    if isinstance(error, StreamTerminatedError):
        return ApiError(Status.UNAVAILABLE, f"{endpoint}: the connection ended during the call ({error})", node)
    if isinstance(error, OSError):
        return ApiError(Status.UNAVAILABLE, connection_text(endpoint, error), node)
    if isinstance(error, ProtocolError | AssertionError):
        return ApiError(Status.INTERNAL, f"{endpoint}: unreadable answer ({error})", node)
    raise error
