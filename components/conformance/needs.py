"""Reads the sources of the end-to-end tests: which conformance test names which test image, and their tags.

`needs.py MODULE_DIRECTORY` prints JSON: {"tags": {image: tag}, "tests": {test name: [image, …]}}, images by their name
in test/utils/image/manifest.go. A test is the text from its `ConformanceIt("name"` to the next test; an image that only
a helper names is not seen, and such a test fails at run time with a pull that the registry refuses (run.py reports it).
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

_TAG = re.compile(r'configs\[(\w+)\] = Config\{[\w.]+, "([^"]+)", "([^"]+)"\}')
_TEST = re.compile(r'(?:framework\.(ConformanceIt)|framework\.It|ginkgo\.It|\bf\.It)\(\s*"((?:[^"\\]|\\.)*)"')
_IMAGE = re.compile(r"imageutils\.(?:GetE2EImage\(imageutils\.)?(\w+)\)?")
_ALIAS = re.compile(r"(\w+)\s*:?=\s*imageutils\.GetE2EImage\(imageutils\.(\w+)\)")
# Helpers that pick an image by themselves.
_HELPERS = {
    "e2estatefulset.NewStatefulSet": "Nginx",
    "WebserverImage": "Nginx",
    "NewWebserverTest": "Agnhost",
    "nautilusImage": "Nautilus",
    "sampleAPIServer": "APIServer",
    "SetUpSampleAPIServer": "APIServer",
}


def tags(module: Path) -> dict[str, str]:
    text = (module / "test/utils/image/manifest.go").read_text()
    return {name: tag for name, _, tag in _TAG.findall(text)}


def tests(module: Path, known: set[str]) -> dict[str, list[str]]:
    result: dict[str, list[str]] = {}
    for file in sorted((module / "test/e2e").rglob("*.go")):
        text = file.read_text()
        if "ConformanceIt" not in text:
            continue
        # Constants and variables of the file that stand for an image.
        aliases = dict(_ALIAS.findall(text))
        found = list(_TEST.finditer(text))
        for index, match in enumerate(found):
            if not match[1]:
                continue
            end = found[index + 1].start() if index + 1 < len(found) else len(text)
            body = text[match.end() : end]
            images = {name for name in _IMAGE.findall(body) if name in known}
            images |= {name for alias, name in aliases.items() if re.search(rf"\b{alias}\b", body)}
            images |= {image for helper, image in _HELPERS.items() if helper in body}
            result[match[2]] = sorted(images)
    return result


def main() -> None:
    module = Path(sys.argv[1])
    known = tags(module)
    json.dump({"tags": known, "tests": tests(module, set(known))}, sys.stdout, indent=1, sort_keys=True)


if __name__ == "__main__":
    main()
