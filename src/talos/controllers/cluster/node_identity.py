"""This node's identity in the cluster: random, made once, kept in STATE until a reset."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path
from typing import Any

import yaml

from talos.controllers.publish import always
from talos.resources.block import VolumeStatusSpec
from talos.resources.cluster import IdentitySpec
from talos.resources.enums import VolumePhase
from talos.resources.files import EtcFileSpecSpec
from talos.state import SHARED, Controller, Input, Output, Runtime

FILE = "/system/state/node-identity.yaml"
IDENTITY_BYTES = 32
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


class NodeIdentityController(Controller):
    """/system/state/node-identity.yaml -> Identity "local", EtcFileSpec "machine-id"."""

    name = "cluster.NodeIdentityController"
    inputs = (Input(VolumeStatusSpec, id="STATE"),)
    outputs = (Output(IdentitySpec), Output(EtcFileSpecSpec, SHARED))

    async def reconcile(self, rt: Runtime) -> None:
        volume = await rt.get_or_none(VolumeStatusSpec, "STATE")
        if volume is None or volume.spec.phase is not VolumePhase.READY:
            return
        node_id = load_or_create(rt.env.path(FILE))
        await rt.modify(IdentitySpec, "local", always(IdentitySpec(node_id=node_id)))
        machine_id = EtcFileSpecSpec(contents=machine_id_of(node_id), mode=0o444)
        await rt.modify(EtcFileSpecSpec, "machine-id", always(machine_id))


def load_or_create(path: Path) -> str:
    """The node id in the file; a new one is written first when there is none. ValueError for a damaged file."""
    try:
        document: Any = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        node_id = base62(secrets.token_bytes(IDENTITY_BYTES))
        temporary = path.with_name(f".{path.name}.new")
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(yaml.safe_dump({"nodeId": node_id}).encode())
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)  # else the name may be lost with the power, and the node be another one afterwards
        finally:
            os.close(folder)
        return node_id
    if not isinstance(document, dict) or not document.get("nodeId"):
        raise ValueError(f"{path} holds no nodeId; remove the file to give the node a new identity")
    return str(document["nodeId"])


def base62(data: bytes) -> str:
    """Digits and letters: safe in labels, URLs and file names."""
    number, text = int.from_bytes(data, "big"), ""
    while number:
        number, digit = divmod(number, len(_ALPHABET))
        text = _ALPHABET[digit] + text
    return text or _ALPHABET[0]


def machine_id_of(node_id: str) -> str:
    """machine-id(5): 32 hex digits. Derived, so that it is as stable as the identity and does not give it away."""
    return hashlib.sha256(f"machine-id:{node_id}".encode()).hexdigest()[:32]
