"""The SPDX bill of materials of an artefact: that of the root image, and what the boot parts add to it."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from talos.imager.debian import Pin
from talos.imager.errors import ImageError
from talos.imager.sbom import package


def document(
    image: Path, artefact: Path, version: str, digest: str, pins: dict[str, Pin], shipped: tuple[str, ...]
) -> dict[str, Any]:
    """SPDX 2.3 as JSON data. `image`: the folder of the root's own bill; `version`, `digest`: of
    the artefact."""
    try:
        found: dict[str, Any] = json.loads((image / "sbom.spdx.json").read_text())
    except FileNotFoundError as error:
        raise ImageError(f"{image} holds no sbom.spdx.json; `make image` writes it") from error
    title = f"talos-{artefact.name}"
    whole = package(title, version, f"pkg:generic/{title}@{version}", digest)
    added = []
    for pin in (pins[name] for name in shipped):
        purl = f"pkg:deb/debian/{pin.name}@{pin.version}?arch=amd64&distro=trixie"
        added.append(package(pin.name, pin.version, purl, pin.sha256, "Organization: Debian"))
    root = next(row["relatedSpdxElement"] for row in found["relationships"] if row["relationshipType"] == "DESCRIBES")
    found["packages"] = [whole, *added, *found["packages"]]
    contains = [root, *(row["SPDXID"] for row in added)]
    found["relationships"] = [
        {"spdxElementId": "SPDXRef-DOCUMENT", "relationshipType": "DESCRIBES", "relatedSpdxElement": whole["SPDXID"]},
        *(
            {"spdxElementId": whole["SPDXID"], "relationshipType": "CONTAINS", "relatedSpdxElement": i}
            for i in contains
        ),
        *(row for row in found["relationships"] if row["relationshipType"] != "DESCRIBES"),
    ]
    found["name"] = f"{title}-{version}"
    unique = sha256((digest + found["documentNamespace"]).encode()).hexdigest()[:32]
    found["documentNamespace"] = f"https://spdx.org/spdxdocs/{found['name']}-{unique}"
    return found
