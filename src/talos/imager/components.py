"""The Go programs, and the container images that are made of nothing but further names of their files.

A preloaded image is a directory of the root (`/usr/lib/images/<name>/rootfs`) whose files are hard links: the
multi-call program lies in the image once and in the page cache once, however many containers run from it.
`/usr/share/images/index.json` is what the containerd plugin in components/node/preload reads; its format is defined
there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from talos import versions
from talos.imager.errors import ImageError
from talos.imager.tree import Tree

CNI_PLUGINS = ("bridge", "loopback", "host-local", "portmap", "firewall", "flannel")
PROGRAMS = (
    "containerd",
    "etcd",
    "kubelet",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-scheduler",
    "kube-proxy",
    "coredns",
    "flanneld",
)
NODE = "usr/bin/containerd"  # the multi-call program's first name; all others link to it
IMAGES = "usr/lib/images"
INDEX = "usr/share/images/index.json"
CERTIFICATES = "etc/ssl/certs/ca-certificates.crt"


@dataclass(frozen=True)
class PreloadedImage:
    """One image of the index: directory name, references, its program's path inside, and whether it drives nftables."""

    name: str
    references: tuple[str, ...]
    program: str
    entrypoint: bool = True
    nft: bool = False
    user: str = ""
    copy: bool = False  # carries `cp`, for flannel's init container

    @property
    def rootfs(self) -> str:
        return f"{IMAGES}/{self.name}/rootfs"


def preloaded_images() -> tuple[PreloadedImage, ...]:
    """What a default configuration refers to, at the default versions."""
    kubernetes = f"v{versions.DEFAULT_KUBERNETES_VERSION}"

    def upstream(name: str, nft: bool = False) -> PreloadedImage:
        reference = f"registry.k8s.io/{name}:{kubernetes}"
        return PreloadedImage(name, (reference,), f"usr/local/bin/{name}", entrypoint=False, nft=nft)

    return (
        upstream("kube-apiserver"),
        upstream("kube-controller-manager"),
        upstream("kube-scheduler"),
        upstream("kube-proxy", nft=True),
        PreloadedImage(
            "etcd", (f"registry.k8s.io/etcd:{versions.ETCD_VERSION}",), "usr/local/bin/etcd", entrypoint=False
        ),
        PreloadedImage("kubelet", (f"ghcr.io/siderolabs/kubelet:{kubernetes}",), "usr/local/bin/kubelet"),
        PreloadedImage("coredns", (f"registry.k8s.io/coredns/coredns:{versions.COREDNS_VERSION}",), "coredns"),
        PreloadedImage(
            "flannel",
            (f"ghcr.io/siderolabs/flannel:{versions.FLANNEL_VERSION}",),
            "opt/bin/flanneld",
            nft=True,
            copy=True,
        ),
        PreloadedImage("pause", (f"registry.k8s.io/pause:{versions.PAUSE_VERSION}",), "pause", user="65535:65535"),
    )


def missing(components: Path) -> list[str]:
    """Which of the built programs are not there."""
    return [name for name in ("node", "shim", "runc", "cni", "pause") if not (components / name).is_file()]


def install_programs(tree: Tree, components: Path) -> None:
    """The programs that run on the node itself, and the CNI plugins."""
    if absent := missing(components):
        raise ImageError(
            f"components not built: {', '.join(absent)} (looked in {components}); run `make components`, "
            "or build an image that cannot run Kubernetes with --without-components"
        )
    tree.file(NODE, components / "node", "kubernetes, containerd, etcd, coredns, flannel", 0o755)
    tree.file("usr/bin/containerd-shim-runc-v2", components / "shim", "containerd shim", 0o755)
    tree.file("usr/bin/runc", components / "runc", "runc", 0o755)
    # The kubelet and etcd run straight from the root; the others only inside their images.
    for name in ("etcd", "kubelet"):
        tree.link(f"usr/bin/{name}", NODE)
    first = f"opt/cni/bin/{CNI_PLUGINS[0]}"
    tree.file(first, components / "cni", "cni plugins", 0o755)
    for name in CNI_PLUGINS[1:]:
        tree.link(f"opt/cni/bin/{name}", first)


def install_images(tree: Tree, components: Path, nft: list[str], copy: Path) -> None:
    """The root directories of the preloaded images and their index. `nft`: the tool and every library it loads."""
    index = []
    for image in preloaded_images():
        rootfs = image.rootfs
        if image.name == "pause":
            tree.file(f"{rootfs}/{image.program}", components / "pause", "pause", 0o755)
        else:
            tree.link(f"{rootfs}/{image.program}", NODE)
            tree.link(f"{rootfs}/{CERTIFICATES}", CERTIFICATES)
            tree.directory(f"{rootfs}/tmp", 0o1777)
            _accounts(tree, rootfs)
        if image.nft:
            for path in nft:
                tree.link(f"{rootfs}/{path}", path)
            tree.symlink(f"{rootfs}/lib64", "usr/lib64")
            tree.symlink(f"{rootfs}/usr/lib64/ld-linux-x86-64.so.2", "../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2")
            tree.symlink(f"{rootfs}/lib", "usr/lib")
            tree.symlink(f"{rootfs}/bin", "usr/bin")
            tree.symlink(f"{rootfs}/sbin", "usr/bin")
            tree.symlink(f"{rootfs}/usr/sbin", "bin")
        if image.copy:
            tree.file(f"{rootfs}/usr/bin/cp", copy, "flannel's cp", 0o755)
        path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/opt/bin"
        entry = {
            "names": list(image.references),
            "rootfs": f"/{rootfs}",
            "env": [f"PATH={path}"],
            "workdir": "/",
            "digest": f"sha256:{tree.digest(rootfs)}",
        }
        if image.entrypoint:
            entry["entrypoint"] = [f"/{image.program}"]
        if image.user:
            entry["user"] = image.user
        index.append(entry)
    tree.text(INDEX, json.dumps({"images": index}, indent=1) + "\n", "configuration")


def _accounts(tree: Tree, rootfs: str) -> None:
    # Programs look themselves up; the ids are those of the images' upstreams.
    for name in ("passwd", "group", "nsswitch.conf"):
        tree.link(f"{rootfs}/etc/{name}", f"etc/{name}")
