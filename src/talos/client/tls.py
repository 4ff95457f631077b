"""TLS contexts of the API, for both sides: TLS 1.3 only, HTTP/2 only, certificates from memory.

Python's ssl loads a private key from a file only. On Linux that file is a memfd, which has no name, no disk and no
second reader; elsewhere a temporary file of ours alone that lives for the length of the call.
"""

from __future__ import annotations

import os
import ssl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable


def standard_key(pem: bytes) -> bytes:
    """Talos writes PKCS#8 under the label ED25519 PRIVATE KEY, which OpenSSL does not know; give it the usual one."""
    for line in (b"-----BEGIN %sPRIVATE KEY-----", b"-----END %sPRIVATE KEY-----"):
        pem = pem.replace(line % b"ED25519 ", line % b"")
    return pem


def load_identity(context: ssl.SSLContext, certificate_pem: bytes, key_pem: bytes) -> None:
    """Use this certificate and key. ValueError if they are unreadable or do not belong together."""
    data = certificate_pem.rstrip(b"\n") + b"\n" + standard_key(key_pem)
    try:
        if hasattr(os, "memfd_create"):
            fd = os.memfd_create("identity", os.MFD_CLOEXEC)
            try:
                os.write(fd, data)
                context.load_cert_chain(f"/proc/self/fd/{fd}")
            finally:
                os.close(fd)
        else:
            import tempfile  # three times the time that the rest of this module takes to import
            from pathlib import Path

            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, "identity.pem")
                path.touch(0o600)
                path.write_bytes(data)
                context.load_cert_chain(path)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ValueError("the private key does not belong to the certificate") from error
        raise ValueError(f"unreadable certificate or private key ({error.reason or error})") from error


def load_authorities(context: ssl.SSLContext, authorities_pem: Iterable[bytes]) -> None:
    """Trust these certificates and nothing else. ValueError if one is unreadable."""
    text = "\n".join(pem.decode("ascii", "replace").strip() for pem in authorities_pem)
    if not text.strip():
        raise ValueError("no CA certificate to verify the other side with")
    try:
        context.load_verify_locations(cadata=text)
    except ssl.SSLError as error:
        raise ValueError(f"unreadable CA certificate ({error.reason or error})") from error


def _base(protocol: int) -> ssl.SSLContext:
    context = ssl.SSLContext(protocol)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.set_alpn_protocols(["h2"])
    return context


def client_context(
    authorities_pem: Iterable[bytes], certificate_pem: bytes = b"", key_pem: bytes = b""
) -> ssl.SSLContext:
    """Calls a server that one of the authorities signed and whose names include the one we call it by."""
    context = _base(ssl.PROTOCOL_TLS_CLIENT)
    load_authorities(context, authorities_pem)
    if certificate_pem:
        load_identity(context, certificate_pem, key_pem)
    return context


def unverified_client_context() -> ssl.SSLContext:
    """Calls any server: maintenance mode, where the caller may pin the certificate's fingerprint instead."""
    context = _base(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def server_context(
    certificate_pem: bytes, key_pem: bytes, authorities_pem: Iterable[bytes] = (), verify_client: bool = False
) -> ssl.SSLContext:
    """Serves; with verify_client only to clients whose certificate one of the authorities signed."""
    context = _base(ssl.PROTOCOL_TLS_SERVER)
    context.num_tickets = 0  # a resumed session would outlive the CA that its client was verified against
    load_identity(context, certificate_pem, key_pem)
    if verify_client:
        load_authorities(context, authorities_pem)
        context.verify_mode = ssl.CERT_REQUIRED
    return context
