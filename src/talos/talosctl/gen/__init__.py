"""talosctl gen: secrets, configurations, keys and certificates, all made on this machine without any node."""

from __future__ import annotations

import click

from talos.talosctl.options import ClientGroup, Entry

_ENTRIES = {
    "ca": Entry("gen.ca:ca", "Make a certificate authority"),
    "config": Entry("gen.config:config", "Make machine configurations and a talosconfig for a new cluster"),
    "crt": Entry("gen.crt:crt", "Sign a certificate request"),
    "csr": Entry("gen.csr:csr", "Make a certificate request for a key"),
    "key": Entry("gen.key:key", "Make an Ed25519 private key"),
    "keypair": Entry("gen.keypair:keypair", "Make a self-signed X.509 certificate with its key"),
    "secrets": Entry("gen.secrets:secrets", "Make the secrets bundle of a new cluster"),
    "secureboot": Entry("gen.secureboot:secureboot", "Make the keys of Secure Boot"),
}


@click.group(cls=ClientGroup, entries=_ENTRIES)
@click.option("-f", "--force", is_flag=True, help="overwrite files that exist")
def gen(force: bool) -> None:
    """Make secrets, configurations, keys and certificates."""
