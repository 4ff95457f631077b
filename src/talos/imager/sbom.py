"""SPDX 2.3 bill of materials: every Debian package, wheel and Go module that is in the image, with hash or version.

Go modules come from the build information that the Go linker leaves in each program (`go version -m`), so they are what
was linked and not what a go.mod asked for. Reproducible: no random namespace, no creation time but SOURCE_DATE_EPOCH.
"""

from __future__ import annotations

import datetime
import re
from hashlib import sha256
from pathlib import Path
from typing import Any

from talos import versions
from talos.imager import squashfs
from talos.imager.debian import Pin
from talos.imager.errors import run
from talos.imager.recipe import Recipe


def package(name: str, version: str, purl: str, checksum: str = "", supplier: str = "NOASSERTION") -> dict[str, Any]:
    """One row of the bill; `checksum` is a SHA-256."""
    identity = re.sub(r"[^A-Za-z0-9.-]", "-", f"SPDXRef-{purl.split(':', 1)[1].split('/')[0]}-{name}-{version}")
    package: dict[str, Any] = {
        "SPDXID": identity,
        "name": name,
        "versionInfo": version,
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": False,
        "licenseConcluded": "NOASSERTION",
        "licenseDeclared": "NOASSERTION",
        "copyrightText": "NOASSERTION",
        "supplier": supplier,
        "externalRefs": [{"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": purl}],
    }
    if checksum:
        package["checksums"] = [{"algorithm": "SHA256", "checksumValue": checksum}]
    return package


def _go_modules(programs: list[Path]) -> list[tuple[str, str]]:
    modules = set()
    for program in programs:
        first, *lines = run(["go", "version", "-m", program]).splitlines()
        # The standard library is no module, and scanners know it by this name.
        modules.add(("stdlib", first.rpartition(": ")[2].split()[0].removeprefix("go")))
        for line in lines:
            fields = line.split("\t")
            if len(fields) >= 4 and fields[1] in ("dep", "=>"):
                modules.add((fields[2], fields[3]))
    return sorted(modules)


def document(
    recipe: Recipe, pins: dict[str, Pin], wheels: dict[str, tuple[str, str]], programs: list[Path]
) -> dict[str, Any]:
    """The SPDX document as JSON data."""
    packages = []
    for row in recipe.packages:
        pin = pins[row.name]
        purl = f"pkg:deb/debian/{pin.name}@{pin.version}?arch={recipe.architecture}&distro=trixie"
        packages.append(package(pin.name, pin.version, purl, pin.sha256, "Organization: Debian"))
    for name, (version, digest) in sorted(wheels.items()):
        packages.append(package(name, version, f"pkg:pypi/{name.lower()}@{version}", digest))
    for module, version in _go_modules(programs):
        packages.append(package(module, version, f"pkg:golang/{module}@{version}"))
    root = package("talos-root", versions.TALOS_VERSION, f"pkg:generic/talos-root@{versions.TALOS_VERSION}")
    created = datetime.datetime.fromtimestamp(squashfs.epoch(), datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    content = sha256("".join(sorted(p["SPDXID"] for p in packages)).encode()).hexdigest()
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": f"talos-root-{versions.TALOS_VERSION}",
        "documentNamespace": f"https://spdx.org/spdxdocs/talos-root-{versions.TALOS_VERSION}-{content[:32]}",
        "creationInfo": {"created": created, "creators": ["Tool: talos.imager"]},
        "packages": [root, *packages],
        "relationships": [
            {
                "spdxElementId": "SPDXRef-DOCUMENT",
                "relationshipType": "DESCRIBES",
                "relatedSpdxElement": root["SPDXID"],
            },
            *(
                {"spdxElementId": root["SPDXID"], "relationshipType": "CONTAINS", "relatedSpdxElement": p["SPDXID"]}
                for p in packages
            ),
        ],
    }
