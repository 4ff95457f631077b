"""talosctl image cache-create, cache-cert-gen and cache-serve: images for nodes that reach no registry."""

from __future__ import annotations

import sys
from ipaddress import ip_address
from pathlib import Path

import click

from talos.talosctl.image_bundle import NAMESPACE
from talos.talosctl.options import Command, ListOption, client_options
from talos.talosctl.session import Session

_PATH = click.option("--image-cache-path", required=True, metavar="FOLDER", help="the cache of images")
LAYOUTS = ("oci", "flat")


@click.command("cache-create", cls=Command)
@client_options
@NAMESPACE
@click.option("--images", cls=ListOption, required=True, metavar="IMAGE,...", help="what to fetch; - reads a list")
@_PATH
@click.option(
    "--layout",
    type=click.Choice(LAYOUTS),
    default="oci",
    show_default=True,
    help="one image with the cache as its layer, or the flat form that cache-serve serves",
)
@click.option(
    "--platform",
    cls=ListOption,
    default=["linux/amd64"],
    metavar="OS/ARCH,...",
    help="what machines they are for [default: linux/amd64]",
)
@click.option("--insecure", is_flag=True, help="accept any certificate of a registry, and plain HTTP")
@click.option("--force", is_flag=True, help="replace a cache that is there; without it a flat one is added to")
@click.option("--image-layer-cache-path", default="", metavar="FOLDER", help="keep layers here for the next time")
@click.option(
    "--cosign-signatures/--no-cosign-signatures", default=True, help="signatures of the images as well (default on)"
)
def cache_create(
    session: Session,
    images: list[str],
    image_cache_path: str,
    layout: str,
    platform: list[str],
    force: bool,
    image_layer_cache_path: str,
    cosign_signatures: bool,
) -> None:
    """Fetch images from their registries into a folder.

    Logins of docker and podman are used. What Kubernetes needs comes from
    `talosctl image k8s-bundle | talosctl image cache-create --images - --image-cache-path FOLDER`.
    """
    import shutil
    import tempfile

    from talos.imagecache import layout as layouts
    from talos.imagecache.layout import Cache, CacheError
    from talos.imagecache.reference import BadReferenceError, parse
    from talos.talosctl.imagecache.fill import Fill

    target = Path(image_cache_path)
    try:
        wanted = [parse(name) for name in _named(images)]
    except BadReferenceError as error:
        raise click.UsageError(f"--images: {error}") from None
    if wrong := [text for text in platform if not 1 <= text.count("/") <= 2]:
        raise click.UsageError(f"--platform {wrong[0]}: write OS/ARCHITECTURE, such as linux/arm64")
    taken = target.exists() and (not target.is_dir() or any(target.iterdir()))
    if taken and not force and (layout == "oci" or not (target / "manifests").is_dir()):
        raise click.ClickException(f"{target} exists already; --force replaces it")
    if force and taken and not any((target / name).exists() for name in ("manifests", "oci-layout")):
        raise click.ClickException(f"{target} is no cache of images; name another folder")
    scratch = Path(tempfile.mkdtemp(prefix=".image-cache-", dir=_made(target.absolute().parent)))
    try:
        # A flat cache is added to in place: each file is whole when it has its name, and what was there stays.
        flat = target if layout == "flat" and not force else scratch / "flat"
        fill = Fill(
            Cache(flat),
            platform,
            insecure=session.insecure,
            signatures=cosign_signatures,
            layers=Path(image_layer_cache_path) if image_layer_cache_path else None,
            say=lambda text: print(text, file=sys.stderr, flush=True),
        )
        for number, image in enumerate(wanted, 1):
            print(f"{number}/{len(wanted)} {image}", file=sys.stderr, flush=True)
            fill.image(image)
        made = flat
        if layout == "oci":
            made = scratch / "oci"
            layouts.pack(fill.cache, made)
        if made != target:
            if target.exists():
                target.rename(scratch / "old")
            made.rename(target)
    except CacheError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"cannot fill {target}: {error.strerror or error}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    print(f"{target}: {len(wanted)} images, {fill.blobs} blobs of {fill.size / 1e6:.1f} MB together", file=sys.stderr)


def _named(images: list[str]) -> list[str]:
    if images == ["-"]:
        lines = (line.strip() for line in sys.stdin)
        images = [line for line in lines if line and not line.startswith("#")]
    return list(dict.fromkeys(images))


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise click.ClickException(f"cannot make {folder}: {error.strerror or error}") from error
    return folder


@click.command("cache-cert-gen", cls=Command)
@client_options
@NAMESPACE
@click.option("--advertised-address", cls=ListOption, metavar="ADDRESS,...", help="addresses that nodes reach it at")
@click.option("--advertised-name", cls=ListOption, metavar="NAME,...", help="names that nodes reach it by")
@click.option("--tls-ca-file", default="ca.crt", metavar="FILE", help="where the authority goes [default: ca.crt]")
@click.option("--tls-cert-file", default="tls.crt", metavar="FILE", help="where the certificate goes")
@click.option("--tls-key-file", default="tls.key", metavar="FILE", help="where its key goes")
def cache_cert_gen(
    session: Session,
    advertised_address: list[str],
    advertised_name: list[str],
    tls_ca_file: str,
    tls_cert_file: str,
    tls_key_file: str,
) -> None:
    """Make the certificate that a registry in your network serves images with, and the authority to trust."""
    from datetime import timedelta

    from talos.pki import certificates
    from talos.pki.keys import Algorithm, PKIError
    from talos.talosctl.gen.files import write_files

    del session
    if not advertised_address and not advertised_name:
        raise click.UsageError("say how nodes reach it: --advertised-address, --advertised-name")
    for text in advertised_address:
        try:
            ip_address(text)
        except ValueError:
            raise click.UsageError(f"--advertised-address {text} is not an address") from None
    try:
        authority = certificates.new_authority("image cache", algorithm=Algorithm.ECDSA_P256)
        pair = certificates.issue_pair(
            authority,
            algorithm=Algorithm.ECDSA_P256,
            usage=certificates.Usage.SERVER,
            common_name="image cache",
            dns_names=advertised_name,
            ip_addresses=advertised_address,
            validity=timedelta(days=3650),
        )
    except PKIError as error:
        raise click.ClickException(f"cannot make the certificate: {error}") from error
    write_files(
        {
            tls_ca_file: (authority.crt, 0o644),
            tls_cert_file: (pair.crt + authority.crt, 0o644),  # cache-serve tells nodes which authority stands behind
            tls_key_file: (pair.key, 0o600),
        },
        force=False,
    )


@click.command("cache-serve", cls=Command)
@client_options
@NAMESPACE
@_PATH
@click.option("--address", default="127.0.0.1:3172", show_default=True, metavar="ADDRESS:PORT", help="where to listen")
@click.option("--tls-cert-file", default="", metavar="FILE", help="serve HTTPS with this certificate")
@click.option("--tls-key-file", default="", metavar="FILE", help="key of that certificate")
@click.option(
    "--mirror",
    cls=ListOption,
    default=["docker.io", "ghcr.io", "registry.k8s.io"],
    metavar="REGISTRY,...",
    help="registries to write documents for [default: docker.io,ghcr.io,registry.k8s.io]",
)
def cache_serve(
    session: Session,
    image_cache_path: str,
    address: str,
    tls_cert_file: str,
    tls_key_file: str,
    mirror: list[str],
) -> None:
    """Serve a cache of images until interrupted, as a mirror of the registries that its images are from.

    Standard output gets the documents that a node's configuration needs for it, --mirror names the registries in them.
    """
    from talos.imagecache.layout import Cache, CacheError
    from talos.imagecache.server import CacheServer, tls_context

    del session
    root = Path(image_cache_path)
    if not (root / "manifests").is_dir():
        hint = ": it is an OCI layout, make it with --layout flat" if (root / "oci-layout").exists() else ""
        raise click.ClickException(f"{root} is no flat cache of images{hint}")
    if bool(tls_cert_file) != bool(tls_key_file):
        raise click.UsageError("--tls-cert-file and --tls-key-file belong together")
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdecimal() or int(port) > 65535:
        raise click.UsageError(f"--address {address}: write ADDRESS:PORT")
    try:
        tls = tls_context(Path(tls_cert_file), Path(tls_key_file)) if tls_cert_file else None
        server = CacheServer([Cache(root)], host.strip("[]"), int(port), tls)
    except CacheError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"cannot listen on {address}: {error.strerror or error}") from error
    with server:
        _tell(server.server_address[1], host, mirror, Path(tls_cert_file) if tls_cert_file else None)
        server.serve_forever()


def _tell(port: int, host: str, mirrors: list[str], certificate: Path | None) -> None:
    """Documents for the nodes on standard output, the rest beside it."""
    from talos.config.cri.registry_mirror_config import RegistryEndpoint, RegistryMirrorConfig
    from talos.config.cri.registry_tls_config import RegistryTLSConfig
    from talos.config.encode import encode
    from talos.imagecache import served

    names = served.names(host, certificate)
    scheme = "https" if certificate else "http"
    endpoint = f"{scheme}://{names[0]}:{port}"
    documents: list[RegistryMirrorConfig | RegistryTLSConfig] = [
        RegistryMirrorConfig(name=registry, endpoints=[RegistryEndpoint(url=endpoint)]) for registry in mirrors
    ]
    if certificate and (authority := served.authority(certificate)):
        documents.append(RegistryTLSConfig(name=f"{names[0]}:{port}", ca=authority))
    print(encode(documents), end="", flush=True)
    print(f"serving on {endpoint}", file=sys.stderr, flush=True)
