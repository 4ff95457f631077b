"""Puts the root together from unpacked packages, compiled modules, the C programs and the Go components."""

from __future__ import annotations

from pathlib import Path

from talos import versions
from talos.imager import components, elf, python_tree
from talos.imager.errors import ImageError
from talos.imager.python_tree import LIBRARIES
from talos.imager.recipe import Recipe
from talos.imager.tree import Tree, expand

# Mount points and folders of the root; what is in memory or on a volume is mounted over them.
DIRECTORIES = {
    "boot": 0o755,
    "dev": 0o755,
    "etc": 0o755,
    "home": 0o755,
    "mnt": 0o755,
    "opt/cni/bin": 0o755,
    "proc": 0o555,
    "root": 0o700,
    "run": 0o755,
    "sys": 0o555,
    "system": 0o755,
    "tmp": 0o1777,
    "var": 0o755,
    "usr/libexec/kubernetes": 0o755,
    "usr/lib/modules": 0o755,  # kube-proxy's pod mounts it, also where there are no modules
    "etc/cni": 0o755,
    "etc/kubernetes": 0o755,
    "etc/containerd": 0o755,
    "etc/cri": 0o755,
    "etc/ssl/certs": 0o755,
}
SYMLINKS = {
    "bin": "usr/bin",
    "sbin": "usr/bin",
    "lib": "usr/lib",
    "lib64": "usr/lib64",
    "usr/sbin": "bin",
    "usr/lib64/ld-linux-x86-64.so.2": "../lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
    "etc/pki": "ssl",
    "etc/ca-certificates": "ssl",
    "etc/os-release": "../usr/lib/os-release",
    "etc/ssl/certs/ca-certificates": "ca-certificates.crt",
}
EMPTY_FILES = ("etc/hostname", "etc/hosts", "etc/resolv.conf", "etc/machine-id")  # bind mount targets
# Name, uid, gid. apid, trustd and etcd as Talos numbers them; 52 to 54 are ours.
USERS = (
    *(("root", 0), ("apid", 50), ("trustd", 51), ("networkd", 52), ("timed", 53), ("registryd", 54)),
    *(("etcd", 60), ("nobody", 65534)),
)


def os_release(version: str = versions.TALOS_VERSION) -> str:
    """os-release(5); Kubernetes shows PRETTY_NAME as the node's operating system."""
    return f'NAME="Talos"\nID=talos\nVERSION_ID={version}\nPRETTY_NAME="Talos ({version})"\n'


def assemble(
    tree: Tree,
    recipe: Recipe,
    *,
    debs: Path,
    stage: Path,
    sysroot: Path,
    programs: Path,
    built: Path | None,
    version: str = versions.TALOS_VERSION,
) -> None:
    """Fills `tree`. `programs`: our C programs; `built`: the Go components, or None for an image without them."""
    for directory, mode in DIRECTORIES.items():
        tree.directory(directory, mode)
    for link, target in SYMLINKS.items():
        tree.symlink(link, target)
    for path in EMPTY_FILES:
        tree.text(path, "", "configuration")
    tree.text("etc/passwd", "".join(f"{name}:x:{uid}:{uid}::/:/none\n" for name, uid in USERS), "configuration")
    tree.text("etc/group", "".join(f"{name}:x:{uid}:\n" for name, uid in USERS), "configuration")
    tree.text("etc/nsswitch.conf", "hosts: files dns\n", "configuration")
    tree.text("usr/lib/os-release", os_release(version), "configuration")
    for package in recipe.packages:
        if package.files:
            _package_files(tree, package.name, package.files, debs / package.name)
        if package.ca_certificates:
            _certificates(tree, debs / package.name)
    python_tree.compile_into(stage, sysroot, tree)
    tree.file("usr/bin/init", programs / "init", "init and launcher", 0o755)
    tree.file("usr/libexec/talos/zygote", programs / "launcher", "init and launcher", 0o755)
    tree.file("usr/bin/mount", programs / "mount", "init and launcher", 0o755)
    tree.link("usr/bin/umount", "usr/bin/mount")
    if built is not None:
        components.install_programs(tree, built)
        nft = elf.closure("usr/bin/nft", tree.root, LIBRARIES)
        components.install_images(tree, built, nft, programs / "cp")
    _check_libraries(tree)


def _package_files(tree: Tree, name: str, patterns: tuple[str, ...], unpacked: Path) -> None:
    """Each library under the name it is loaded by (its soname), whatever chain of links the package ships."""
    for pattern in expand(patterns):
        matches = sorted(unpacked.glob(pattern))
        if not matches:
            raise ImageError(f"{name} has no {pattern}: check os/root.toml")
        targets = {match.resolve() for match in matches if match.is_symlink()}
        for match in matches:
            path = str(match.relative_to(unpacked))
            if path in SYMLINKS or (match in targets and not match.is_symlink()):
                continue
            program = path.startswith("usr/sbin/")
            mode = 0o755 if program or match.name.startswith("ld-linux") else 0o644
            tree.file(path.replace("usr/sbin/", "usr/bin/"), match.resolve(), _part(path), mode)


def _part(path: str) -> str:
    name = Path(path).name
    if name.startswith("libpython"):
        return "libpython"
    if name.startswith(("libssl", "libcrypto")):
        return "openssl"
    if name == "nft" or name.startswith(
        ("libnft", "libmnl", "libjansson", "libgmp", "libxtables", "libedit", "libtinfo", "libbsd", "libmd")
    ):
        return "nftables"
    return "libc and small libraries"


def _certificates(tree: Tree, unpacked: Path) -> None:
    files = sorted((unpacked / "usr/share/ca-certificates/mozilla").glob("*.crt"))
    if len(files) < 50:
        raise ImageError(f"ca-certificates holds {len(files)} certificates: check os/packages.lock")
    tree.text(components.CERTIFICATES, "".join(file.read_text().strip() + "\n" for file in files), "ca certificates")


def _check_libraries(tree: Tree) -> None:
    """Every library that a file of the image asks for is in the image: a missing one would show only at run time."""
    absent = []
    for path in sorted(tree.parts):
        parsed = elf.read(tree.root / path)
        absent += [
            f"/{path} needs {n}" for n in (parsed.needed if parsed else ()) if not (tree.root / LIBRARIES / n).exists()
        ]
    if absent:
        raise ImageError("libraries missing in the image, add their packages to os/root.toml:\n" + "\n".join(absent))
