"""TLS contexts for clients of the Kubernetes API.

Python 3.13's ``create_default_context`` sets VERIFY_X509_STRICT, which refuses authorities without the key identifiers
of RFC 5280; cluster authorities made by other tools often lack them, and kubectl accepts them. So the context is built
by hand, with every other check on.
"""

from __future__ import annotations

import ssl

from talos.client.tls import load_authorities, load_identity


def client_context(ca: bytes, certificate: bytes = b"", key: bytes = b"") -> ssl.SSLContext:
    """Verify the server against ``ca`` (PEM bundle) and present ``certificate`` when given. ValueError if unusable."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load_authorities(context, [ca])
    if certificate:
        load_identity(context, certificate, key)
    return context
