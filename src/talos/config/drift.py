"""A folder of configurations beside what nodes run.

Which file belongs to a node, first found: ``NODE.yaml`` (the address or name that the node is called by),
``HOSTNAME.yaml`` (what its configuration calls it), ``TYPE.yaml`` (``controlplane.yaml``, ``worker.yaml``: what
``gen config`` writes). Order of documents, comments and layout of the text make no difference.

Files encrypted with SOPS are decrypted by the program ``sops``, which knows where its keys are; nothing decrypted is
written anywhere.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from talos.config.config import Config
from talos.config.errors import ConfigError
from talos.config.redact import difference
from talos.config.yaml_reader import MappingNode, ScalarNode, documents

SUFFIXES = (".yaml", ".yml")


def file_for(folder: Path, node: str, running: Config) -> Path:
    """The file of the folder that describes a node. Raises ConfigError that says which files would do."""
    candidates = [node, running.network.hostname.hostname, running.machine.type.value]
    names = [name + suffix for name in dict.fromkeys(candidates) if name and "/" not in name for suffix in SUFFIXES]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise ConfigError(f"{folder} has no configuration of node {node}: none of {', '.join(names)} is there")


def read(path: Path) -> Config:
    """A configuration from a file, plain or encrypted. Raises ConfigError that names the file."""
    try:
        data = path.read_bytes()
        if is_encrypted(data):
            data = _decrypted(path)
        return Config.decode(data)
    except ConfigError as e:
        raise ConfigError([f"{path}: {p}" for p in e.problems]) from None
    except OSError as e:
        raise ConfigError(f"cannot read {path}: {e.strerror or e}") from e


def is_encrypted(data: bytes) -> bool:
    """Whether SOPS wrote it: every document has a mapping ``sops`` then."""
    return any(
        isinstance(key, ScalarNode) and key.value == "sops" and isinstance(value, MappingNode)
        for node in documents(data)
        if isinstance(node, MappingNode)
        for key, value in node.value
    )


def _decrypted(path: Path) -> bytes:
    try:
        done = subprocess.run(["sops", "--decrypt", str(path)], capture_output=True, check=False)
    except FileNotFoundError:
        raise ConfigError("encrypted with SOPS, and there is no program sops here: install it") from None
    if done.returncode:
        raise ConfigError(f"sops does not decrypt it: {done.stderr.decode(errors='replace').strip()}")
    return done.stdout


def drift(wanted: Config, running: Config, names: tuple[str, str]) -> str:
    """What applying ``wanted`` would change, as a unified diff without secrets; empty when nothing."""
    return difference(_ordered(running), _ordered(wanted), names)


def _ordered(config: Config) -> Config:
    return Config(sorted(config.documents, key=lambda d: (d.KIND != "v1alpha1", d.identity)))
