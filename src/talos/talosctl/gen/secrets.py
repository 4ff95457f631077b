"""talosctl gen secrets."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from talos.talosctl.gen.files import force_option, forced, read_file, write_files
from talos.talosctl.options import Command

if TYPE_CHECKING:
    from talos.config.secrets import Bundle

_TOKEN = re.compile(r"[a-z0-9]{6}\.[a-z0-9]{16}")


@click.command(cls=Command)
@click.option("-o", "--output-file", default="secrets.yaml", show_default=True, metavar="FILE", help="- prints it")
@click.option("--from-controlplane-config", default="", metavar="FILE", help="take them from a control plane machine")
@click.option("-p", "--from-kubernetes-pki", default="", metavar="FOLDER", help="take authorities of a kubeadm cluster")
@click.option("-t", "--kubernetes-bootstrap-token", default="", metavar="TOKEN", help="token to join with")
@click.option("--talos-version", default="", metavar="vX.Y", help="version of the machines (default: this one)")
@force_option
def secrets(
    output_file: str,
    from_controlplane_config: str,
    from_kubernetes_pki: str,
    kubernetes_bootstrap_token: str,
    talos_version: str,
    force: bool,
) -> None:
    """Make the secrets bundle of a new cluster.

    Whoever has the file owns the cluster. Keep it: configurations for new machines are made with it.
    """
    from talos.config.config import Config
    from talos.config.errors import ConfigError
    from talos.config.secrets import Bundle
    from talos.config.version_contract import VersionContract

    if kubernetes_bootstrap_token and not _TOKEN.fullmatch(kubernetes_bootstrap_token):
        raise click.UsageError("--kubernetes-bootstrap-token must be like abcdef.0123456789abcdef (a-z and 0-9)")
    if from_controlplane_config and from_kubernetes_pki:
        raise click.UsageError("--from-controlplane-config and --from-kubernetes-pki exclude each other")
    try:
        VersionContract.parse(talos_version)
        if from_controlplane_config:
            data = read_file(from_controlplane_config, "the machine configuration")
            bundle = Bundle.from_config(Config.decode(data))
        else:
            bundle = Bundle.generate(bootstrap_token=kubernetes_bootstrap_token)
        if from_kubernetes_pki:
            _take_kubernetes_pki(bundle, Path(from_kubernetes_pki))
            bundle.check()
    except ConfigError as error:
        raise click.ClickException(str(error)) from error
    write_files({output_file: (bundle.encode(), 0o600)}, force=forced(force))


def _take_kubernetes_pki(bundle: Bundle, folder: Path) -> None:
    """Replace authorities and service account key by those of a kubeadm pki folder."""
    certs = bundle.certs
    for part, name in ((certs.k8s, "ca"), (certs.k8saggregator, "front-proxy-ca"), (certs.etcd, "etcd/ca")):
        part.crt = read_file(str(folder / f"{name}.crt"), "the certificate")
        part.key = read_file(str(folder / f"{name}.key"), "the key")
    certs.k8sserviceaccount.key = read_file(str(folder / "sa.key"), "the key")
