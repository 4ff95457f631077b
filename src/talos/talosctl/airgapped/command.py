"""talosctl debug-tool air-gapped: proxies, and a manifest behind TLS, for tests of nodes that have no other way out."""

from __future__ import annotations

import os
import ssl
import sys
import tempfile
from collections.abc import Callable
from ipaddress import ip_address, ip_network
from pathlib import Path

import click

from talos.talosctl.launch import run
from talos.talosctl.options import Command

PATCH_FILE = "air-gapped-patch.yaml"
MANIFEST_PATH = "/debug.yaml"
MANIFEST = """\
apiVersion: v1
kind: ConfigMap
metadata:
  name: air-gapped
  namespace: kube-system
data:
  fetched: "by way of the proxy, or from a server whose authority the node was told to trust"
"""
_PORT = click.IntRange(0, 65535)


@click.command("air-gapped", cls=Command, hidden=True)
@click.option("--advertised-address", default="10.5.0.2", show_default=True, metavar="ADDRESS", help="where to listen")
@click.option("--https-port", type=_PORT, default=8001, show_default=True, help="a manifest over HTTPS")
@click.option("--proxy-port", type=_PORT, default=8002, show_default=True, help="the proxy")
@click.option("--https-proxy-port", type=_PORT, default=8003, show_default=True, help="the proxy over TLS")
@click.option("--https-reverse-proxy-port", type=_PORT, default=8004, show_default=True, help="stands for a server")
@click.option(
    "--https-reverse-proxy-target", default="http://localhost/", show_default=True, metavar="URL", help="that server"
)
@click.option("--use-secure-proxy", is_flag=True, help="nodes use the proxy over TLS")
@click.option("--inject-http-proxy/--no-inject-http-proxy", default=True, help="nodes use a proxy (default on)")
def air_gapped(
    advertised_address: str,
    https_port: int,
    proxy_port: int,
    https_proxy_port: int,
    https_reverse_proxy_port: int,
    https_reverse_proxy_target: str,
    use_secure_proxy: bool,
    inject_http_proxy: bool,
) -> None:
    """Run an HTTP proxy, an HTTPS proxy and an HTTPS reverse proxy until interrupted.

    Standard output and air-gapped-patch.yaml get the documents that a node's configuration needs for them.
    """
    from talos.talosctl.airgapped import proxy
    from talos.talosctl.airgapped.proxy import Server

    try:
        address = ip_address(advertised_address)
    except ValueError:
        raise click.UsageError(f"--advertised-address {advertised_address} is not an address") from None
    try:
        passed_on = proxy.reverse(https_reverse_proxy_target)
    except ValueError as error:
        raise click.UsageError(f"--https-reverse-proxy-target: {error}") from None
    tls, authority = certificate(str(address))
    manifest = proxy.file(MANIFEST_PATH, MANIFEST, "application/yaml")
    servers = (
        ("manifest", manifest, https_port, tls),
        ("HTTP proxy", proxy.forward, proxy_port, None),
        ("HTTPS proxy", proxy.forward, https_proxy_port, tls),
        (f"HTTPS reverse proxy of {https_reverse_proxy_target}", passed_on, https_reverse_proxy_port, tls),
    )

    async def main() -> None:
        listening = []
        for name, handler, port, context in servers:
            server = await Server(handler, _sayer(name)).start(str(address), port, context)
            keep.append(server)
            listening.append(server.sockets[0].getsockname()[1])
        shown = f"[{address}]" if address.version == 6 else str(address)
        used = f"https://{shown}:{listening[2]}" if use_secure_proxy else f"http://{shown}:{listening[1]}"
        text = patch(f"https://{shown}:{listening[0]}", used if inject_http_proxy else "", str(address), authority)
        try:
            Path(PATCH_FILE).write_text(text)
        except OSError as error:
            raise click.ClickException(f"cannot write {PATCH_FILE}: {error.strerror}") from error
        print(text, end="", flush=True)
        for (name, _, _, context), port in zip(servers, listening, strict=True):
            _say(f"{name}: {'https' if context else 'http'}://{shown}:{port}")
        _say(f"wrote {PATCH_FILE}: give it to nodes by --config-patch @{PATCH_FILE}")

    keep: list[object] = []
    run("the proxies", main)


def patch(site: str, proxy: str, address: str, authority: str) -> str:
    """What a node's configuration needs: the manifest of the site, the proxy ("": none), whom to trust."""
    from talos.config.yaml_writer import dump_all

    first: dict[str, object] = {"cluster": {"extraManifests": [f"{site}{MANIFEST_PATH}"]}}
    if proxy:
        direct = ip_network(f"{address}/{24 if ip_address(address).version == 4 else 64}", strict=False)
        first["machine"] = {"env": {"http_proxy": proxy, "https_proxy": proxy, "no_proxy": str(direct)}}
    trusted = {"apiVersion": "v1alpha1", "kind": "TrustedRootsConfig", "name": "air-gapped-ca"}
    return dump_all([first, {**trusted, "certificates": authority}])


def certificate(address: str) -> tuple[ssl.SSLContext, str]:
    """What to serve TLS with on an address, by an authority made for it; that authority."""
    from talos.pki import certificates
    from talos.pki.keys import Algorithm

    kind = Algorithm.ECDSA_P256
    made = certificates.new_authority("air-gapped", algorithm=kind)
    pair = certificates.issue_pair(
        made, algorithm=kind, usage=certificates.Usage.SERVER, common_name="air-gapped", ip_addresses=[address]
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # The standard library takes certificates from files only.
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "pair.pem")
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as written:
            written.write(pair.crt + pair.key)
        context.load_cert_chain(file)
    return context, made.crt.decode()


def _sayer(name: str) -> Callable[[str], None]:
    return lambda text: _say(f"{name}: {text}")


def _say(text: str) -> None:
    """What clients wrote must not steer the terminal."""
    print("".join(c if c.isprintable() else repr(c)[1:-1] for c in text), file=sys.stderr, flush=True)
