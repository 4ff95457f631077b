"""talosctl image k8s-bundle, talos-bundle and the commands for a cache of images."""

from __future__ import annotations

from ipaddress import ip_address

import click

from talos import versions
from talos.config import images
from talos.talosctl.elsewhere import refuse
from talos.talosctl.options import Command, ListOption, client_options
from talos.talosctl.session import Session

_NAMESPACE = click.option("--namespace", default="cri", hidden=True, expose_value=False)
"""a flag of the group that none of these has a use for"""


@click.command("k8s-bundle", cls=Command)
@client_options
@_NAMESPACE
@click.option("--k8s-version", default=f"v{versions.DEFAULT_KUBERNETES_VERSION}", show_default=True)
@click.option("--etcd-version", default=versions.ETCD_VERSION, show_default=True)
@click.option("--coredns-version", default=versions.COREDNS_VERSION, show_default=True)
@click.option("--flannel-version", default=versions.FLANNEL_VERSION, show_default=True)
@click.option("--kube-network-policies-version", default="", metavar="VERSION", help="adds its image to the list")
@click.argument("ignored", nargs=-1, expose_value=False)
def k8s_bundle(
    session: Session,
    k8s_version: str,
    etcd_version: str,
    coredns_version: str,
    flannel_version: str,
    kube_network_policies_version: str,
) -> None:
    """List the images that Kubernetes needs: what a mirror without Internet must hold."""
    del session
    print(f"ghcr.io/siderolabs/flannel:{flannel_version}")
    print(f"registry.k8s.io/coredns/coredns:v{coredns_version.removeprefix('v')}")
    print(f"registry.k8s.io/etcd:{etcd_version}")
    print(f"registry.k8s.io/pause:{versions.PAUSE_VERSION}")
    for name in (
        images.KUBE_APISERVER,
        images.KUBE_CONTROLLER_MANAGER,
        images.KUBE_SCHEDULER,
        images.KUBE_PROXY,
        images.KUBELET,
    ):
        print(images.kubernetes(name, k8s_version))
    if kube_network_policies_version:
        print(f"registry.k8s.io/networking/kube-network-policies:{kube_network_policies_version}")


@click.command("talos-bundle", cls=Command)
@client_options
@_NAMESPACE
@click.option("--extensions/--no-extensions", default=True, hidden=True)
@click.option("--overlays/--no-overlays", default=True, hidden=True)
@click.argument("version", metavar="[VERSION]", default=versions.TALOS_VERSION)
def talos_bundle(session: Session, version: str, extensions: bool, overlays: bool) -> None:
    """List the images that installing and upgrading needs. There are no extensions and overlays of this system."""
    del session, extensions, overlays
    print(f"{images.INSTALLER.rpartition(':')[0]}:v{version.removeprefix('v')}")


@click.command("cache-cert-gen", cls=Command)
@client_options
@_NAMESPACE
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
        {tls_ca_file: (authority.crt, 0o644), tls_cert_file: (pair.crt, 0o644), tls_key_file: (pair.key, 0o600)},
        force=False,
    )


_MIRROR = (
    "this version does not build image caches: the nodes' image holds all of Kubernetes, and for other images any "
    "registry does, named by a RegistryMirrorConfig document"
)
cache_create = refuse(
    "cache-create",
    _MIRROR,
    """
    --cosign-signatures bool true
    --force bool false
    --image-cache-path string
    --image-layer-cache-path string
    --images stringSlice
    --insecure bool false
    --layout string oci
    --platform stringSlice linux/amd64
    --namespace string cri
    """,
    client=True,
)
cache_serve = refuse(
    "cache-serve",
    _MIRROR,
    """
    --address string 127.0.0.1:3172
    --image-cache-path string
    --mirror stringSlice docker.io,ghcr.io,registry.k8s.io
    --tls-cert-file string
    --tls-key-file string
    --namespace string cri
    """,
    client=True,
)
integration = refuse(
    "integration",
    "this list is for the development of Talos: talosctl image talos-bundle lists what installing needs",
    """
    --installer-tag string
    --registry-and-user string
    --talos-tag string
    --namespace string cri
    """,
    client=True,
)
for _command, _names in (
    (cache_create, ("image_cache_path", "images")),
    (cache_serve, ("image_cache_path",)),
    (integration, ("installer_tag", "registry_and_user")),
):
    for _param in _command.params:
        if _param.name in _names:
            _param.required = True
