"""Pinned Debian packages: resolve once (`lock`), fetch and unpack by hash ever after.

apt's own resolver finds the versions, against an empty dpkg status and lists of its own, so that the build host's
release and installed packages do not matter. The lock file names the archive (`debian` or `debian-security`) and the
path in it, never a host: which mirror serves them is the build host's business, read from its own apt configuration.

Rejected: debootstrap and mmdebstrap (install whole packages, run their scripts, need root); a snapshot date instead of
hashes (the snapshot service is slow and not mirrored; a hash says more than a date).
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from talos.imager.errors import ImageError, run
from talos.imager.recipe import Recipe

KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
COMPONENTS = "main non-free-firmware"  # the latter for the network and storage adapters of servers
MIRROR_VARIABLES = {"debian": "TALOS_DEBIAN_MIRROR", "debian-security": "TALOS_DEBIAN_SECURITY_MIRROR"}
CACHE = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser() / "talos-build"


@dataclass(frozen=True, order=True)
class Pin:
    """One line of packages.lock."""

    name: str
    version: str
    sha256: str
    archive: str  # debian, debian-security
    filename: str  # path in the archive


def read_lock(path: Path) -> dict[str, Pin]:
    """Package name → pin."""
    if not path.exists():
        raise ImageError(f"{path} is missing; `make lock` writes it")
    pins = {}
    for number, line in enumerate(path.read_text().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        fields = line.split()
        if len(fields) != 5:
            raise ImageError(f"{path}:{number}: five fields expected, found {len(fields)}; `make lock` writes it anew")
        pins[fields[0]] = Pin(*fields)
    return pins


def write_lock(path: Path, pins: list[Pin]) -> None:
    """Sorted by name, one package a line."""
    lines = ["# Written by `make lock`: name version sha256 archive path"]
    lines += [f"{p.name} {p.version} {p.sha256} {p.archive} {p.filename}" for p in sorted(pins)]
    path.write_text("\n".join(lines) + "\n")


def mirrors() -> dict[str, str]:
    """Archive name → base URI, from the environment or from the build host's own apt sources."""
    found = {archive: os.environ[name].rstrip("/") for archive, name in MIRROR_VARIABLES.items() if name in os.environ}
    listed = run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(LABEL)", "Created-By: Packages"])
    for line in listed.splitlines():
        uri, _, label = line.partition(" ")
        archive = {"Debian": "debian", "Debian-Security": "debian-security"}.get(label.strip())
        if archive:
            found.setdefault(archive, uri.rstrip("/"))
    if "debian" not in found:
        raise ImageError(
            "apt on this host has no Debian archive with downloaded lists: run apt-get update, "
            f"or set {MIRROR_VARIABLES['debian']} to the base URI of a mirror"
        )
    # A mirror of Debian usually has the security archive beside it, under the same name with -security.
    found.setdefault("debian-security", re.sub(r"/debian$", "/debian-security", found["debian"]))
    return found


def lock(recipe: Recipe, path: Path) -> list[Pin]:
    """Resolves the recipe's packages to their current versions and writes the lock file."""
    pins = resolve(recipe, recipe.package_names)
    write_lock(path, pins)
    return pins


def resolve(recipe: Recipe, names: Sequence[str], instead: Mapping[str, str] | None = None) -> list[Pin]:
    """Current version of each package in the recipe's suites. `instead`: name of a package that only depends on the one
    wanted (linux-image-amd64) → regular expression of that one's name."""
    uris = mirrors()
    instead = instead or {}
    with tempfile.TemporaryDirectory(prefix="talos-lock-") as name:
        base = Path(name)
        for folder in ("lists/partial", "cache/archives/partial", "parts"):
            (base / folder).mkdir(parents=True)
        (base / "status").touch()
        signed = f"[signed-by={KEYRING} arch={recipe.architecture}]"
        sources = [f"deb {signed} {uris['debian']} {suite} {COMPONENTS}" for suite in recipe.suites]
        sources += [f"deb {signed} {uris['debian-security']} {suite} {COMPONENTS}" for suite in recipe.security_suites]
        (base / "sources.list").write_text("\n".join(sources) + "\n")
        options = {
            "Dir::State::status": base / "status",
            "Dir::State::lists": base / "lists",
            "Dir::Cache": base / "cache",
            "Dir::Etc::sourcelist": base / "sources.list",
            "Dir::Etc::sourceparts": base / "parts",
            "Dir::Etc::preferencesparts": base / "parts",
            "APT::Architecture": recipe.architecture,
            "APT::Architectures": recipe.architecture,
            "APT::Install-Recommends": "false",
            "Acquire::Languages": "none",
            "APT::Sandbox::User": "root",
        }
        flags = [word for key, value in options.items() for word in ("-o", f"{key}={value}")]
        run(["apt-get", *flags, "update", "-q"])
        run(["apt-get", *flags, "install", "-s", "-q", "-y", *names])
        plan = run(["apt-get", *flags, "install", "--print-uris", "-q", "-y", *names])
        chosen: dict[str, str] = {}
        for line in plan.splitlines():
            if match := re.match(r"'([^']+)' ([^_ ]+)_([^_ ]+)_\w+\.deb ", line):
                chosen[match[2]] = match[3].replace("%3a", ":")
        pins = []
        for wanted in names:
            pattern = instead.get(wanted, re.escape(wanted))
            package = next((found for found in chosen if re.fullmatch(pattern, found)), None)
            if package is None:
                raise ImageError(f"the package {wanted} is wanted below os/, {', '.join(recipe.suites)} has it not")
            shown = run(["apt-cache", *flags, "show", f"{package}={chosen[package]}"])
            fields = dict(re.findall(r"^(Version|SHA256|Filename): (\S+)$", shown.split("\n\n")[0], re.M))
            archive = "debian-security" if "/updates/" in fields["Filename"] else "debian"
            pins.append(Pin(package, fields["Version"], fields["SHA256"], archive, fields["Filename"]))
    return pins


def fetch(pins: list[Pin]) -> dict[str, Path]:
    """Package name → .deb in the cache, downloaded by apt and verified by hash."""
    folder = CACHE / "debs"
    folder.mkdir(parents=True, exist_ok=True)
    files = {pin.name: folder / f"{pin.name}_{pin.sha256[:16]}.deb" for pin in pins}
    wanted = [pin for pin in pins if not files[pin.name].exists()]
    uris = mirrors() if wanted else {}
    for number, pin in enumerate(wanted, 1):
        print(f"debian: {number} of {len(wanted)}: {pin.name} {pin.version}", flush=True)
        part = files[pin.name].with_suffix(".part")
        run(
            [
                "/usr/lib/apt/apt-helper",
                "-o",
                "APT::Sandbox::User=root",
                "download-file",
                f"{uris[pin.archive]}/{pin.filename.replace('+', '%2b').replace('~', '%7e')}",
                part,
                f"SHA256:{pin.sha256}",
            ],
            hint=f"os/packages.lock pins {pin.name} {pin.version}. Mirrors drop a version when a newer one is out: "
            f"`make lock` pins the current ones, or point {MIRROR_VARIABLES[pin.archive]} at a snapshot archive.",
        )
        part.rename(files[pin.name])
    for pin in pins:
        digest = sha256(files[pin.name].read_bytes()).hexdigest()
        if digest != pin.sha256:
            files[pin.name].unlink()
            raise ImageError(
                f"{pin.name} {pin.version}: sha256 is {digest}, the lock says {pin.sha256}; removed, retry"
            )
    return files


def unpack(debs: dict[str, Path], into: Path) -> None:
    """Extracts each package to its own folder below `into`, so that a file's origin stays known."""
    for name, deb in sorted(debs.items()):
        stamp = into / f".{deb.name}"
        if stamp.exists():
            continue
        shutil.rmtree(into / name, ignore_errors=True)
        (into / name).mkdir(parents=True)
        run(["dpkg-deb", "-x", deb, into / name])
        stamp.touch()
