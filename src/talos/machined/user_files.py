"""machine.files: files that the configuration puts on the node at boot.

New files may lie below /var only, where they survive; elsewhere the root is read-only. A file that the image has can be
overwritten or appended to: the changed copy is bound over it, in memory, again at each boot. One path is special:
containerd's customization, which is merged into its generated configuration (controllers/files/cri_config).
Which file may be written is checked when a configuration is applied, not found out at the next boot.
"""

from __future__ import annotations

import os
import posixpath
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from talos.config.cri.cri_customization_config import CRICustomizationConfig
from talos.config.runtime.etc_file_config import EtcFileConfig
from talos.controllers.files.cri_config import CUSTOMIZATION as CRI_CUSTOMIZATION
from talos.controllers.files.etc_file_config import name_problem
from talos.linux.mount import bind, mounted_at

if TYPE_CHECKING:
    from talos.config import Config
    from talos.config.v1alpha1.machine import MachineFile

COPIES = "/run/machined/files"
OPERATIONS = ("create", "overwrite", "append")
DEFAULT_MODE = 0o644


def problems(files: Sequence[MachineFile], root: Path = Path("/")) -> list[str]:
    """What is wrong with each entry, with its number; [] if all can be written."""
    found = []
    for number, file in enumerate(files):
        reason = _problem(file, root)
        if reason:
            found.append(f"machine.files[{number}]: {file.path or 'no path'}: {reason}")
    return found


def document_problems(config: Config) -> list[str]:
    """The same for the documents that replaced entries of machine.files."""
    found = []
    for file in config.get_all(EtcFileConfig):
        if reason := name_problem(file.name):
            found.append(f"EtcFileConfig {file.name}: {reason}")
    for document in config.get_all(CRICustomizationConfig):
        try:
            tomllib.loads(document.content)
        except tomllib.TOMLDecodeError as error:
            found.append(f"CRICustomizationConfig {document.name}: content is not TOML: {error}")
    return found


def _problem(file: MachineFile, root: Path) -> str:
    if not file.path.startswith("/"):
        return "the path must be absolute"
    if file.op not in OPERATIONS:
        return f"op {file.op!r} is unknown: {', '.join(OPERATIONS)}"
    if posixpath.normpath(file.path) == CRI_CUSTOMIZATION:
        try:
            tomllib.loads(file.content)
        except tomllib.TOMLDecodeError as error:
            return f"its content is not TOML: {error}"
        return ""
    if _in_var(file.path):
        return ""
    if file.op == "create":
        return f"files can be created below /var only (and {CRI_CUSTOMIZATION} for containerd)"
    if not _below(root, file.path).is_file():
        return f"op {file.op} needs a file that the image has, and it has none there"
    return ""


def write(files: Sequence[MachineFile], root: Path = Path("/")) -> None:
    """Write all. OSError, or ValueError with what is wrong."""
    wrong = problems(files, root)
    if wrong:
        raise ValueError("; ".join(wrong))
    for number, file in enumerate(files):
        if posixpath.normpath(file.path) == CRI_CUSTOMIZATION:
            continue
        target = _below(root, file.path)
        if _in_var(file.path):
            target.parent.mkdir(parents=True, exist_ok=True)
            before = target.read_text() if file.op == "append" and target.exists() else ""
            _put(target, _appended(before, file.content), file.permissions)
            continue
        copy = _below(root, f"{COPIES}/{number}")
        copy.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        before = target.read_text() if file.op == "append" else ""
        _put(copy, _appended(before, file.content), file.permissions)
        if root == Path("/") and mounted_at(target) is None:
            bind(copy, target)


def _appended(before: str, content: str) -> str:
    """Appending happens at every boot: what is there already is not added once more."""
    return before if before and before.endswith(content) else before + content


def _put(path: Path, content: str, mode: int) -> None:
    partial = path.with_name(f".{path.name}.new")
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w") as out:
        out.write(content)
        os.fchmod(out.fileno(), mode or DEFAULT_MODE)
    partial.replace(path)


def _in_var(path: str) -> bool:
    return posixpath.normpath(path).startswith("/var/")


def _below(root: Path, path: str) -> Path:
    return root / posixpath.normpath(path).lstrip("/")
