"""A root under construction: every path is added deliberately, with its mode and the part of the image it belongs to.

Files are hard-linked from where they were unpacked or built when the mode allows it, else copied. Owners do not matter
here (the packer makes everything root's), so the build needs no privileges.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from talos.imager.errors import ImageError


class Tree:
    """Paths are relative to the root, without a leading slash."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.parts: dict[str, str] = {}  # path → part; hard links to an earlier path do not appear
        shutil.rmtree(root, ignore_errors=True)
        root.mkdir(parents=True)
        root.chmod(0o755)

    def directory(self, path: str, mode: int = 0o755) -> None:
        """Creates the directory and its parents (0755)."""
        current = self.root
        for name in Path(path).parts:
            current /= name
            if not current.is_dir():
                current.mkdir()
                current.chmod(0o755)
        current.chmod(mode)

    def file(self, path: str, source: Path, part: str, mode: int = 0o644) -> None:
        """Copies one regular file; a path can be added once."""
        if not source.is_file():
            raise ImageError(f"{source} is missing: it should become /{path} ({part})")
        target = self._claim(path, part)
        shutil.copyfile(source, target)
        target.chmod(mode)

    def text(self, path: str, content: str, part: str) -> None:
        """A small file that the imager writes itself."""
        target = self._claim(path, part)
        target.write_text(content)
        target.chmod(0o644)

    def data(self, path: str, content: bytes, part: str) -> None:
        """The same for bytes."""
        target = self._claim(path, part)
        target.write_bytes(content)
        target.chmod(0o644)

    def remove(self, path: str) -> None:
        """Take back a file. KeyError: it was not added."""
        del self.parts[path]
        (self.root / path).unlink()

    def symlink(self, path: str, target: str) -> None:
        """A symbolic link with exactly this target."""
        self.directory(str(Path(path).parent))
        (self.root / path).symlink_to(target)

    def link(self, path: str, existing: str) -> None:
        """A further name of a file that is already in the tree: it costs nothing in the image."""
        self.directory(str(Path(path).parent))
        (self.root / path).hardlink_to(self.root / existing)

    def digest(self, below: str) -> str:
        """sha256 over names, modes and contents below a directory."""
        total = sha256()
        for path in sorted((self.root / below).rglob("*")):
            total.update(f"{path.relative_to(self.root / below)}\0{path.lstat().st_mode:o}\0".encode())
            if path.is_symlink():
                total.update(str(path.readlink()).encode())
            elif path.is_file():
                with path.open("rb") as file:
                    for block in iter(lambda: file.read(1 << 20), b""):
                        total.update(block)
        return total.hexdigest()

    def by_part(self) -> dict[str, list[str]]:
        """Part → its paths, each file once."""
        parts: dict[str, list[str]] = {}
        for path, part in sorted(self.parts.items()):
            parts.setdefault(part, []).append(path)
        return parts

    def _claim(self, path: str, part: str) -> Path:
        if path in self.parts:
            raise ImageError(f"/{path} is added twice, by {self.parts[path]} and by {part}")
        self.directory(str(Path(path).parent))
        self.parts[path] = part
        return self.root / path


def expand(patterns: Iterable[str]) -> list[str]:
    """Globs with one `{a,b}` alternation each into plain globs."""
    plain = []
    for pattern in patterns:
        if "{" in pattern:
            head, _, rest = pattern.partition("{")
            middle, _, tail = rest.partition("}")
            plain += [head + word + tail for word in middle.split(",")]
        else:
            plain.append(pattern)
    return plain
