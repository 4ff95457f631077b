"""talosctl image."""

from __future__ import annotations

import sys
from typing import Any

import click

from talos.talosctl.options import ClientGroup, Command, Entry, client_options
from talos.talosctl.output import moment, size, table
from talos.talosctl.session import Answers, Session

_ALIASES = {"l": "list", "ls": "list", "p": "pull", "rm": "remove"}


def instance(name: str) -> Any:
    """The containerd and its namespace behind a name that people use. UsageError."""
    from talos.api import common_pb2

    namespaces = {
        "cri": (common_pb2.CRI, common_pb2.NS_CRI),
        "system": (common_pb2.CRI, common_pb2.NS_SYSTEM),
        "inmem": (common_pb2.CONTAINERD, common_pb2.NS_SYSTEM),
    }
    if name not in namespaces:
        raise click.UsageError(f'unsupported namespace "{name}": use cri, system or inmem')
    driver, namespace = namespaces[name]
    return common_pb2.ContainerdInstance(driver=driver, namespace=namespace)


async def listed(session: Session, node: str, namespace: str) -> set[str]:
    """Names of the images that a node has. ApiError."""
    from talos.api import machine_pb2

    request = machine_pb2.ImageServiceListRequest(containerd=instance(namespace))
    return {image.name async for image in session.stream(node, "/machine.ImageService/List", request)}


_NAMESPACE = click.option(
    "--namespace", default="cri", help="images of Kubernetes (cri), of etcd and kubelet (system), of debugging (inmem)"
)


_ENTRIES = {
    "k8s-bundle": Entry("image_bundle:k8s_bundle", "List the images that Kubernetes needs", ("default",)),
    "talos-bundle": Entry("image_bundle:talos_bundle", "List the images that installing and upgrading needs"),
    "cache-create": Entry("image_cache:cache_create", "Fetch images into a folder, for a site without Internet"),
    "cache-cert-gen": Entry("image_cache:cache_cert_gen", "Make the certificate that such a folder is served with"),
    "cache-serve": Entry("image_cache:cache_serve", "Serve such a folder to nodes, as a mirror of registries"),
    "integration": Entry("image_bundle:integration", "", (), True),
}


@click.group(cls=ClientGroup, entries=_ENTRIES, aliases=_ALIASES)
@click.option("--namespace", default="cri", hidden=True)
def image(namespace: str) -> None:
    """Container images of a node, and lists of those a cluster needs."""


@image.command("list", cls=Command)
@client_options
@_NAMESPACE
def list_images(session: Session, namespace: str) -> None:
    """List images."""
    from talos.api import machine_pb2

    request = machine_pb2.ImageServiceListRequest(containerd=instance(namespace))

    async def one(node: str) -> list[Any]:
        return [entry async for entry in session.stream(node, "/machine.ImageService/List", request)]

    answers: Answers[list[Any]] = session.run(lambda: session.each(one))
    table(
        ("NODE", "IMAGE", "DIGEST", "SIZE", "LABELS", "CREATED"),
        [
            (
                node,
                image.name,
                image.digest,
                size(image.size),
                ",".join(f"{key}={value}" for key, value in sorted(image.labels.items())),
                moment(image.created_at).strftime("%Y-%m-%dT%H:%M:%SZ"),
            )
            for node, found in answers.good
            for image in found
        ],
    )
    answers.finish()


@image.command(cls=Command)
@client_options
@_NAMESPACE
@click.argument("reference", metavar="IMAGE")
def pull(session: Session, reference: str, namespace: str) -> None:
    """Pull an image."""
    from talos.api import machine_pb2

    request = machine_pb2.ImageServicePullRequest(containerd=instance(namespace), image_ref=reference)

    async def one(node: str) -> None:
        async for answer in session.stream(node, "/machine.ImageService/Pull", request):
            if answer.name:
                print(f"{node}: pulled image {answer.name}", file=sys.stderr, flush=True)

    session.run(lambda: session.each(one)).finish()


@image.command(cls=Command)
@client_options
@_NAMESPACE
@click.argument("reference", metavar="IMAGE")
def remove(session: Session, reference: str, namespace: str) -> None:
    """Remove an image."""
    from talos.api import machine_pb2

    request = machine_pb2.ImageServiceRemoveRequest(containerd=instance(namespace), image_ref=reference)
    answers = session.ask("/machine.ImageService/Remove", request)
    for node, _ in answers.good:
        print(f"{node}: removed image {reference}", file=sys.stderr)
    answers.finish()


@image.command("build", cls=Command)
@click.option("--flavour", multiple=True, default=("cloud",), help="cloud (virtual machines) or metal [default: cloud]")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    help="uki, disk, iso, netboot, or installer (for a registry); can be given several times [default: the first four]",
)
@click.option("--image", "root", default="_out/image", help="folder that make image filled [default: _out/image]")
@click.option("-o", "--output", default="_out/boot", help="where the artefacts go [default: _out/boot]")
@click.option("--extra-kernel-arg", "arguments", multiple=True, help="kernel argument beside the system's own")
@click.option("--level", type=int, default=19, help="zstd level of the modules; 1 for a quick try [default: 19]")
@click.option("--signing-key", help="Ed25519 key that signs the files [default: one in the output folder, made once]")
@click.option(
    "--secureboot-key", help="key of talosctl gen secureboot uki; artefacts are then signed for the firmware too"
)
@click.option("--secureboot-cert", help="certificate of that key")
@click.option(
    "--pcr-signing-key", help="key of talosctl gen secureboot pcr; disks that a TPM opens then follow an upgrade"
)
@click.option("--enrolment", help="folder with PK.auth, KEK.auth and db.auth that the boot loader enrols")
@click.option("--image-cache", help="folder of image cache-create --layout flat, which the ISO carries to its nodes")
def build_artefacts(
    flavour: tuple[str, ...],
    kinds: tuple[str, ...],
    root: str,
    output: str,
    arguments: tuple[str, ...],
    level: int,
    signing_key: str | None,
    secureboot_key: str | None,
    secureboot_cert: str | None,
    pcr_signing_key: str | None,
    enrolment: str | None,
    image_cache: str | None,
) -> None:
    """Build what boots a machine: unified kernel image, disk image, ISO, kernel and initramfs for netboot."""
    from pathlib import Path

    from talos.imager.boot import artefacts, uki
    from talos.imager.errors import ImageError

    if (secureboot_key is None) != (secureboot_cert is None):
        raise click.UsageError("--secureboot-key and --secureboot-cert belong together")
    if enrolment and not secureboot_key:
        raise click.UsageError("--enrolment without --secureboot-key: the firmware would then refuse what was built")
    if image_cache and kinds and "iso" not in kinds:
        raise click.UsageError("--image-cache: only the ISO carries one, add --kind iso")
    signing = uki.Signing(Path(secureboot_key), Path(secureboot_cert)) if secureboot_key and secureboot_cert else None
    try:
        for name in flavour:
            artefacts.build(
                artefacts.Options(
                    image=Path(root).resolve(),
                    out=Path(output).resolve(),
                    flavour=name,
                    kinds=kinds or artefacts.KINDS,
                    level=level,
                    arguments=arguments,
                    secure_boot=signing,
                    enrolment=Path(enrolment).resolve() if enrolment else None,
                    measured_key=Path(pcr_signing_key).resolve() if pcr_signing_key else None,
                    image_cache=Path(image_cache).resolve() if image_cache else None,
                    signing_key=Path(signing_key).resolve() if signing_key else None,
                )
            )
    except ImageError as error:
        raise click.ClickException(str(error)) from error
