"""talosctl gen config."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from talos import versions
from talos.talosctl.gen.files import force_option, forced, read_file, read_patches, write_files
from talos.talosctl.options import Command, ListOption

if TYPE_CHECKING:
    from talos.config.config import Config
    from talos.config.generate import Input, RegistryMirror
    from talos.config.secrets import Bundle

TYPES = ("controlplane", "worker", "talosconfig")
_FILES = {"controlplane": "controlplane.yaml", "worker": "worker.yaml", "talosconfig": "talosconfig"}


@click.command(cls=Command)
@click.argument("cluster_name", metavar="<cluster name>")
@click.argument("cluster_endpoint", metavar="<cluster endpoint>")
@click.option("--additional-sans", cls=ListOption, metavar="NAME,...", help="further names in the API certificates")
@click.option("--config-patch", multiple=True, metavar="PATCH", help="patch for every machine; @FILE reads it")
@click.option("--config-patch-control-plane", multiple=True, metavar="PATCH", help="patch for control plane machines")
@click.option("--config-patch-worker", multiple=True, metavar="PATCH", help="patch for workers")
@click.option("--dns-domain", default="cluster.local", show_default=True, metavar="DOMAIN", help="domain of Services")
@click.option("--install-disk", default="/dev/sda", show_default=True, metavar="DEVICE", help="disk to install to")
@click.option("--install-image", default="", metavar="IMAGE", help="installer image (default: this version's)")
@click.option("--kubernetes-version", default=versions.DEFAULT_KUBERNETES_VERSION, show_default=True, metavar="X.Y.Z")
@click.option("--registry-mirror", cls=ListOption, metavar="HOST=URL,...", help="mirror of a container registry")
@click.option("--talos-version", default="", metavar="vX.Y", help="version of the machines (default: this one)")
@click.option("--version", "schema", default="v1alpha1", show_default=True, help="version of the configuration")
@click.option(
    "--with-cluster-discovery/--no-with-cluster-discovery", default=True, help="cluster discovery (default on)"
)
@click.option("--with-docs/--no-with-docs", default=True, help="a comment above every document (default on)")
@click.option("--with-examples/--no-with-examples", default=True, help="commented examples at the end (default on)")
@click.option("--with-kubespan/--no-with-kubespan", default=False, help="WireGuard mesh between the machines")
@click.option("--with-secrets", default="", metavar="FILE", help="use the secrets bundle of gen secrets")
@click.option("-o", "--output", default="", metavar="PATH", help="folder; with one output type a file, - prints it")
@click.option("--output-dir", default="", hidden=True)
@click.option("--skip-k8s-etcd", is_flag=True, hidden=True, help="for machines without Kubernetes and etcd")
@click.option(
    *("-t", "--output-types"),
    cls=ListOption,
    default=list(TYPES),
    metavar="TYPE,...",
    help=f"any of {', '.join(TYPES)}",
)
@force_option
def config(
    cluster_name: str,
    cluster_endpoint: str,
    additional_sans: list[str],
    config_patch: tuple[str, ...],
    config_patch_control_plane: tuple[str, ...],
    config_patch_worker: tuple[str, ...],
    dns_domain: str,
    install_disk: str,
    install_image: str,
    kubernetes_version: str,
    registry_mirror: list[str],
    talos_version: str,
    schema: str,
    with_cluster_discovery: bool,
    with_docs: bool,
    with_examples: bool,
    with_kubespan: bool,
    with_secrets: str,
    output: str,
    output_dir: str,
    skip_k8s_etcd: bool,
    output_types: list[str],
    force: bool,
) -> None:
    """Make machine configurations and a talosconfig for a new cluster.

    The endpoint is the URL of the Kubernetes API that every machine and person will use, such as
    https://10.0.0.10:6443: of a load balancer, a shared address, or the only control plane machine.
    """
    import msgspec

    from talos.config import images
    from talos.config.errors import ConfigError
    from talos.config.generate import Input
    from talos.config.generate.endpoint import family
    from talos.config.generate.input import POD_SUBNETS, SERVICE_SUBNETS
    from talos.config.patch import apply_patches
    from talos.config.secrets import Bundle
    from talos.config.view.model import MachineType

    if schema != "v1alpha1":
        raise click.UsageError(f"--version {schema}: only v1alpha1 is known")
    if not (types := output_types):
        raise click.UsageError(f"--output-types: name at least one of {', '.join(TYPES)}")
    if unknown := [t for t in types if t not in TYPES]:
        raise click.UsageError(f"--output-types: {', '.join(unknown)} is unknown; use any of {', '.join(TYPES)}")
    if output and output_dir:
        raise click.UsageError("--output and --output-dir exclude each other")
    targets = _targets(dict.fromkeys(types), output or output_dir, folder=bool(output_dir))
    patches = {
        MachineType.CONTROL_PLANE: (
            ("--config-patch", config_patch),
            ("--config-patch-control-plane", config_patch_control_plane),
        ),
        MachineType.WORKER: (("--config-patch", config_patch), ("--config-patch-worker", config_patch_worker)),
    }
    try:
        given = Input(
            cluster_name=cluster_name,
            endpoint=cluster_endpoint,
            pod_subnets=(POD_SUBNETS[family(cluster_endpoint)],),
            service_subnets=(SERVICE_SUBNETS[family(cluster_endpoint)],),
            secrets=Bundle(),
            talos_version=talos_version,
            kubernetes_version=kubernetes_version,
            install_disk=install_disk,
            install_image=install_image or images.INSTALLER,
            additional_sans=tuple(additional_sans),
            dns_domain=dns_domain,
            registry_mirrors=_mirrors(registry_mirror),
            kubespan=with_kubespan,
            cluster_discovery=with_cluster_discovery,
            kubernetes=not skip_k8s_etcd,
        )
        # After everything else was checked: new secrets take a while.
        given = msgspec.structs.replace(given, secrets=_secrets(with_secrets, Bundle, kubernetes=not skip_k8s_etcd))
        files: dict[str, tuple[str | bytes, int]] = {}
        for kind, path in targets.items():
            if kind == "talosconfig":
                files[path] = (given.talosconfig(), 0o644)  # the contract says so (sample gen-config-default)
                continue
            machine_type = MachineType(kind)
            made = given.config(machine_type)
            for flag, values in patches[machine_type]:
                try:
                    made = apply_patches(made, read_patches(values, flag))
                except ConfigError as error:
                    raise ConfigError([f"{flag}, {kind}: {p}" for p in error.problems]) from None
            files[path] = (_text(made, given, with_docs=with_docs, with_examples=with_examples), 0o600)
    except ConfigError as error:
        raise click.ClickException(str(error)) from error
    write_files(files, force=forced(force))
    for path in files:
        if path != "-":
            click.echo(f"Created {path}", err=True)


def _targets(types: dict[str, None], output: str, *, folder: bool = False) -> dict[str, str]:
    """Output type -> path. One type: ``output`` is its file, unless it is said to be a folder; several: their
    folder."""
    if len(types) == 1 and not folder:
        kind = next(iter(types))
        if output and output != "-" and Path(output).is_dir():
            raise click.UsageError(f"--output {output} is a folder; with one output type it names the file")
        return {kind: output or _FILES[kind]}
    if output == "-":
        raise click.UsageError("--output - prints one file: choose it with --output-types")
    if output and Path(output).exists() and not Path(output).is_dir():
        raise click.UsageError(f"--output {output} is a file, but several are written; name a folder")
    return {kind: str(Path(output) / _FILES[kind]) for kind in types}


def _secrets(path: str, bundle: type[Bundle], *, kubernetes: bool) -> Bundle:
    if not path:
        click.echo("making new secrets: keep them with gen secrets and --with-secrets for later machines", err=True)
        return bundle.generate(kubernetes=kubernetes)
    return bundle.decode(read_file(path, "the secrets of --with-secrets"), kubernetes=kubernetes)


def _mirrors(values: list[str]) -> tuple[RegistryMirror, ...]:
    from talos.config.generate import RegistryMirror

    found: dict[str, list[str]] = {}
    for value in values:
        host, equals, url = value.partition("=")
        if not host or not equals or not url.startswith(("http://", "https://")):
            raise click.UsageError(f"--registry-mirror {value}: write HOST=URL, such as docker.io=http://10.0.0.1:5000")
        found.setdefault(host, []).append(url)
    return tuple(RegistryMirror(host, tuple(urls)) for host, urls in found.items())


def _text(made: Config, given: Input, *, with_docs: bool, with_examples: bool) -> str:
    from talos.config.encode import encode_documented

    text = encode_documented(made.documents) if with_docs else made.encode()
    if with_examples and given.contract.multi_document:
        from talos.talosctl.gen.examples import EXAMPLES

        text += EXAMPLES
    return text
