"""What an image in containerd's store says about how to run it (OCI image specification), for this machine."""

from __future__ import annotations

import hashlib
import json
import platform
from typing import Any

from grpclib import GRPCError, Status
from msgspec import Struct

from talos.api import containerd_images_pb2 as images_pb
from talos.api import containerd_tasks_pb2 as pb
from talos.machined import containerd

_GET = "/containerd.services.images.v1.Images/Get"
_READ = "/containerd.services.content.v1.Content/Read"
_MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}


class ImageConfig(Struct, frozen=True):
    """chain_id names the snapshot of all layers; command is entry point and arguments."""

    chain_id: str
    command: list[str]
    env: list[str]
    working_dir: str


async def read(name: str, space: str) -> ImageConfig:
    """NOT_FOUND if there is no such image, FAILED_PRECONDITION if it is none for this machine."""
    try:
        found = await containerd.call(_GET, images_pb.GetImageRequest(name=name), images_pb.GetImageResponse, space)
    except GRPCError as error:
        if error.status is not Status.NOT_FOUND:
            raise
        raise GRPCError(Status.NOT_FOUND, f'image "{name}" not found: pull or import it first') from error
    manifest = await _blob(found.image.target.digest, space)
    if "manifests" in manifest:
        machine = _MACHINES.get(platform.machine(), platform.machine())
        fitting = [
            entry["digest"]
            for entry in manifest["manifests"]
            if entry.get("platform", {}).get("architecture", machine) == machine
            and entry.get("platform", {}).get("os", "linux") == "linux"
        ]
        if not fitting:
            raise GRPCError(Status.FAILED_PRECONDITION, f"image {name} has no variant for linux/{machine}")
        manifest = await _blob(fitting[0], space)
    return parse(await _blob(manifest["config"]["digest"], space))


def parse(document: dict[str, Any]) -> ImageConfig:
    """From the configuration's JSON."""
    config = document.get("config") or {}
    return ImageConfig(
        chain_id=chain_id(document["rootfs"]["diff_ids"]),
        command=[*(config.get("Entrypoint") or []), *(config.get("Cmd") or [])],
        env=list(config.get("Env") or []),
        working_dir=config.get("WorkingDir") or "/",
    )


def chain_id(diff_ids: list[str]) -> str:
    """The digest that stands for a stack of layers (image specification, "Layer ChainID")."""
    chain = ""
    for diff_id in diff_ids:
        chain = diff_id if not chain else f"sha256:{hashlib.sha256(f'{chain} {diff_id}'.encode()).hexdigest()}"
    return chain


async def _blob(digest: str, space: str) -> dict[str, Any]:
    parts = await containerd.read_stream(_READ, pb.ReadContentRequest(digest=digest), pb.ReadContentResponse, space)
    found: dict[str, Any] = json.loads(b"".join(part.data for part in parts))
    return found
