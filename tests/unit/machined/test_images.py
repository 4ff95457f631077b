"""Pulling what the node carries itself asks nobody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from grpclib import GRPCError, Status

from talos.api import common_pb2, machine_pb2
from talos.config.images import CARRIED, KUBELET, kubernetes
from talos.imager.components import preloaded_images
from talos.machined import images
from talos.machined.api import images as api
from talos.machined.node import Node
from talos.machined.rpc import Call


def test_the_carried_images_are_those_that_the_image_is_built_with() -> None:
    assert {reference for image in preloaded_images() for reference in image.references} == CARRIED


@pytest.mark.parametrize("namespace", [common_pb2.NS_CRI, common_pb2.NS_SYSTEM])
@pytest.mark.parametrize("removed", [False, True])
async def test_an_upgrade_of_kubernetes_can_pull_without_a_registry(
    namespace: int, removed: bool, make_node: Callable[..., Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other images, and one that somebody removed, are asked for: there is no containerd here, so that fails."""
    kubelet = kubernetes(KUBELET)

    async def stored(_space: str = "") -> list[images.Image]:
        return [] if removed else [images.Image(kubelet, "sha256:abc", 1, datetime.now(UTC))]

    monkeypatch.setattr(images, "images", stored)
    call = Call(make_node(), "/machine.ImageService/Pull", frozenset({"os:admin"}))
    request = machine_pb2.ImageServicePullRequest(image_ref=kubelet)
    request.containerd.namespace = namespace
    if removed:
        with pytest.raises((GRPCError, OSError)) as refused:
            await anext(api.service_pull(call, request))
        assert getattr(refused.value, "status", Status.UNAVAILABLE) is not Status.OK
    else:
        answer = await anext(api.service_pull(call, request))
        assert answer.name == f"{KUBELET}@sha256:abc"
