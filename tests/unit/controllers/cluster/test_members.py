"""Identity and the registry of members."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from talos.config.generate import Input
from talos.config.patch import apply_patches
from talos.config.secrets import Bundle
from talos.config.view.model import MachineType as ViewedType
from talos.controllers.cluster.affiliate_merge import merge
from talos.controllers.cluster.annotations import affiliate_of, annotations_of
from talos.controllers.cluster.config import ConfigController
from talos.controllers.cluster.local_affiliate import LocalAffiliateController
from talos.controllers.cluster.member import MemberController
from talos.controllers.cluster.node_identity import base62, load_or_create
from talos.controllers.config.machine_type import MachineTypeController
from talos.environment import NodeEnvironment
from talos.resources.cluster import AffiliateSpec, ControlPlane, IdentitySpec, MemberSpec
from talos.resources.cluster import ConfigSpec as DiscoveryConfigSpec
from talos.resources.config import MachineConfigSpec, MachineTypeSpec
from talos.resources.enums import MachineType
from talos.resources.k8s import NodenameSpec
from talos.resources.network import HostnameStatusSpec, NodeAddressSpec
from talos.state.controller_runtime import ControllerRuntime
from talos.state.inmemory import InMemoryState
from talos.state.resource import Resource


def test_identity_is_made_once(tmp_path: Path) -> None:
    file = tmp_path / "node-identity.yaml"
    first = load_or_create(file)
    assert load_or_create(file) == first
    assert yaml.safe_load(file.read_text()) == {"nodeId": first}
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_damaged_identity_is_not_replaced(tmp_path: Path) -> None:
    file = tmp_path / "node-identity.yaml"
    file.write_text("[]")
    with pytest.raises(ValueError, match="nodeId"):
        load_or_create(file)


@given(st.binary(min_size=1, max_size=32))
def test_base62_is_one_to_one(data: bytes) -> None:
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
    number = 0
    for character in base62(data):
        number = number * 62 + alphabet.index(character)
    assert number == int.from_bytes(data, "big")


def test_a_node_registers_what_others_read() -> None:
    local = AffiliateSpec(
        node_id="id",
        addresses=["10.0.0.2", "fd00::2"],
        nodename="n1",
        machine_type=MachineType.CONTROL_PLANE,
        control_plane=ControlPlane(port=6443),
    )
    node = {"metadata": {"name": "n1", "annotations": annotations_of(local), "labels": {}}}
    read = affiliate_of(node)
    assert read is not None
    assert (read.node_id, read.addresses, read.nodename) == ("id", ["10.0.0.2", "fd00::2"], "n1")
    assert (read.machine_type, read.control_plane) == (MachineType.CONTROL_PLANE, ControlPlane(port=6443))
    assert affiliate_of({"metadata": {"name": "n2"}}) is None


def test_merging_keeps_every_address_once() -> None:
    one = AffiliateSpec(node_id="a", addresses=["1.1.1.1", "2.2.2.2"], hostname="h")
    other = AffiliateSpec(node_id="a", addresses=["2.2.2.2", "3.3.3.3"], hostname="x", nodename="n")
    merged = merge(one, other)
    assert merged.addresses == ["1.1.1.1", "2.2.2.2", "3.3.3.3"]
    assert (merged.hostname, merged.nodename) == ("h", "n")


async def test_without_a_discovery_service_members_stand_in_kubernetes(node: Any, make_config: Any) -> None:
    await node.configure(make_config())
    node.run("cluster.", "k8s.NodenameController")
    discovery = await node.get(DiscoveryConfigSpec, "cluster")
    assert (discovery.registry_kubernetes_enabled, discovery.registry_service_enabled) == (True, False)
    member = await node.get(MemberSpec, "talos1")
    assert member.addresses == ["10.77.0.2"]
    other = AffiliateSpec(node_id="b", addresses=["10.77.0.3"], nodename="talos2", machine_type=MachineType.WORKER)
    await node.put("k8s/b", other, namespace="cluster-raw", owner="cluster.KubernetesPullController")
    assert (await node.get(MemberSpec, "talos2")).machine_type is MachineType.WORKER


def test_a_named_discovery_service_does_not_leave_a_node_alone(make_config: Any) -> None:
    patch = "apiVersion: v1alpha1\nkind: DiscoveryServiceConfig\nname: default\nendpoint: https://discovery.example/\n"
    rendered = ConfigController().render(apply_patches(make_config(), [patch]))
    assert rendered is not None
    assert rendered.registry_kubernetes_enabled
    assert rendered.service_endpoint == "discovery.example:443"


@pytest.mark.parametrize(
    ("kind", "kubernetes", "known", "member"),
    [
        (MachineType.CONTROL_PLANE, True, "demo-1", "demo-1"),
        (MachineType.INIT, True, "demo-1", "demo-1"),
        (MachineType.WORKER, True, "", ""),  # it will have a name in Kubernetes
        (MachineType.CONTROL_PLANE, False, "", "demo-1"),  # it will have none
    ],
)
async def test_a_node_is_a_member_by_its_name(
    tmp_path: Path, kind: MachineType, kubernetes: bool, known: str, member: str
) -> None:
    config = Input(
        cluster_name="demo",
        endpoint="https://10.5.0.2:6443",
        secrets=Bundle.generate(kubernetes=False),
        kubernetes=kubernetes,
    ).config(
        ViewedType.WORKER if kind is MachineType.WORKER else ViewedType.CONTROL_PLANE, init=kind is MachineType.INIT
    )
    state = InMemoryState()
    controllers = (ConfigController, LocalAffiliateController, MemberController, MachineTypeController)
    async with ControllerRuntime(state, controllers, NodeEnvironment(platform="container", root=tmp_path)):
        for id, spec in (
            ("v1alpha1", MachineConfigSpec(config.encode())),
            ("local", IdentitySpec(node_id="id")),
            ("hostname", HostnameStatusSpec(hostname="Demo-1")),
            ("routed-no-k8s", NodeAddressSpec(addresses=["10.5.0.2/24"])),
        ):
            await state.create(Resource.new(type(spec), id, spec))
        if known:
            await state.create(Resource.new(NodenameSpec, "nodename", NodenameSpec(nodename=known)))
        told = await asyncio.wait_for(state.wait_for(AffiliateSpec, "id", lambda r: r.spec.nodename == member), 5)
        assert told.spec.machine_type is kind
        assert (await state.get(MachineTypeSpec, "machine-type")).spec.type is kind
        if member:
            found = await asyncio.wait_for(state.wait_for(MemberSpec, member), 5)
            assert (found.spec.machine_type, found.spec.machine_type.is_control_plane) == (
                kind,
                kind is not MachineType.WORKER,
            )
        else:
            assert await state.list(MemberSpec) == []
