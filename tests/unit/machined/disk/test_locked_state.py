"""A machine whose volumes do not open: what it does instead, and what its API says and refuses."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talos.config import Config
from talos.controllers.block import started
from talos.controllers.runtime.stage import STAGE_ID, MachineStageSpec
from talos.environment import NodeEnvironment
from talos.machined import tasks
from talos.machined.disk import encryption, installation, start
from talos.machined.disk.encryption import Encryption, EncryptionKey
from talos.machined.disk.meta_store import STATE_ENCRYPTION
from talos.machined.meta import FileStore, Meta
from talos.machined.node import Node
from talos.machined.sequences import Request
from talos.resources.enums import MachineStage
from talos.resources.runtime import MetaKeySpec
from talos.state.inmemory import InMemoryState

WRONG = "STATE is not mounted: STATE cannot be opened, no key fits: key slot 0 (static): wrong key"
HEAD = "version: v1alpha1\nmachine: {type: worker}\n---\napiVersion: v1alpha1\nkind: VolumeConfig\n"


@pytest.fixture
async def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Node]:
    for folder in ("system/state", "var/log", "run/machined", "run/zygote/want", "run/zygote/state"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    monkeypatch.setattr(start, "RECORD", tmp_path / "run/machined/system-disk.json")
    yield Node(NodeEnvironment(platform="metal", root=tmp_path), InMemoryState())


def recorded(**problems: str) -> None:
    states = {name: started.VolumeState(problem=problem, encrypted=not problem) for name, problem in problems.items()}
    start.RECORD.write_text(json.dumps({"disk": "/dev/vda", "meta": "/dev/vda2", "volumes": started.encode(states)}))


async def test_a_machine_whose_state_does_not_open_is_not_open_to_everybody(machine: Node) -> None:
    recorded(STATE=WRONG, EPHEMERAL="EPHEMERAL is not mounted: whether it is to be encrypted stands on STATE")
    loading = asyncio.ensure_future(tasks.loadConfig(machine, Request()))
    try:
        await asyncio.wait_for(machine.state.wait_for(MachineStageSpec, STAGE_ID), 5)
        stage = (await machine.state.get(MachineStageSpec, STAGE_ID)).spec
        assert (stage.stage, stage.problem) == (MachineStage.BOOTING, WRONG)
        assert machine.config.refused == WRONG and not machine.in_maintenance
    finally:
        loading.cancel()
        await asyncio.gather(loading, return_exceptions=True)


async def test_a_boot_does_not_go_on_without_ephemeral(machine: Node) -> None:
    problem = "EPHEMERAL is not mounted: EPHEMERAL cannot be opened, no key fits: key slot 1 (nodeID): wrong key"
    recorded(STATE="", EPHEMERAL=problem)
    booting = asyncio.ensure_future(tasks.mountEphemeralPartition(machine, Request()))
    try:
        await asyncio.wait_for(machine.state.wait_for(MachineStageSpec, STAGE_ID), 5)
        assert (await machine.state.get(MachineStageSpec, STAGE_ID)).spec.problem == problem
        assert not booting.done()
    finally:
        booting.cancel()
        await asyncio.gather(booting, return_exceptions=True)
    recorded(STATE="", EPHEMERAL="")
    await tasks.mountEphemeralPartition(machine, Request())


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("name: STATE\nencryption: {provider: luks2, keys: [{slot: 3, tpm: {}}]}\n", "this machine has no TPM 2.0"),
        (
            "name: EPHEMERAL\nencryption: {provider: luks2, keys: [{slot: 3, kms: {endpoint: 'ftp://a'}}]}\n",
            "no address of a key server",
        ),
        ("name: LOG\nencryption: {provider: luks2, keys: [{slot: 0, nodeID: {}}]}\n", "LOG: encryption is carried out"),
        ("name: STATE\nencryption: {provider: luks2, keys: [{slot: 0, static: {passphrase: p}}]}\n", ""),
    ],
)
async def test_encryption_that_cannot_be_had_is_refused_installed_or_not(
    machine: Node, document: str, words: str
) -> None:
    for _ in range(2):
        said = installation.problem(machine, Config.decode(HEAD + document))
        assert words in said and bool(words) == bool(said)
        recorded(STATE="", EPHEMERAL="")


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ("name: ETCD\nprovisioning: {minSize: 1GB}\n", "VolumeConfig ETCD: place, size and mount options"),
        ("name: EPHEMERAL\nprovisioning: {diskSelector: {match: 'disk.size > 1EB'}}\n", ""),
    ],
)
async def test_what_is_asked_of_volumes_and_cannot_be_had_is_refused(
    machine: Node, document: str, words: str
) -> None:
    said = installation.problem(machine, Config.decode(HEAD + document))
    assert words in said and bool(words) == bool(said)


async def test_a_place_that_no_disk_offers_is_refused_with_the_first_configuration(machine: Node) -> None:
    lying(STATE=True, EPHEMERAL=True)
    document = "name: EPHEMERAL\nprovisioning: {diskSelector: {match: disk.size > 100000u * TB}}\n"
    said = installation.problem(machine, Config.decode(HEAD + document))
    assert said.startswith("EPHEMERAL: no disk matches 'disk.size > 100000u * TB'")


def lying(**fresh: bool) -> None:
    states = {name: started.VolumeState(device="/dev/vda3", fresh=value) for name, value in fresh.items()}
    start.RECORD.write_text(json.dumps({"disk": "/dev/vda", "meta": "/dev/vda2", "volumes": started.encode(states)}))


STATIC = "encryption: {provider: luks2, keys: [{slot: 0, static: {passphrase: p}}]}\n"


@pytest.mark.parametrize(
    ("name", "state", "ephemeral", "words"),
    [
        ("STATE", True, True, ""),
        ("EPHEMERAL", True, True, ""),
        ("STATE", False, True, "STATE of this machine keeps data in clear"),
        ("EPHEMERAL", True, False, "EPHEMERAL of this machine keeps data in clear"),
    ],
)
async def test_a_volume_with_data_in_clear_is_not_encrypted_over_it(
    machine: Node, name: str, state: bool, ephemeral: bool, words: str
) -> None:
    lying(STATE=state, EPHEMERAL=ephemeral)
    config = Config.decode(f"{HEAD}name: {name}\n{STATIC}")
    said = installation.problem(machine, config)
    assert words in said and bool(words) == bool(said)
    assert installation.in_clear(config, fresh=True) == ([name] if not words else [])


async def test_a_key_that_this_machine_has_not_is_refused_before_anything_is_made(
    machine: Node, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encryption, "PRODUCT_UUID", tmp_path / "missing")
    text = f"{HEAD}name: STATE\nencryption: {{provider: luks2, keys: [{{slot: 2, nodeID: {{}}}}]}}\n"
    said = installation.problem(machine, Config.decode(text))
    assert said.startswith("STATE: key slot 2 (nodeID) cannot be had on this machine: this machine has no UUID")


async def test_the_passphrase_in_meta_is_not_published(machine: Node, tmp_path: Path) -> None:
    meta = Meta(machine, FileStore(tmp_path / "meta.json"))
    wanted = Encryption((EncryptionKey(0, "static", "open sesame"), EncryptionKey(1, "nodeID")))
    await meta.write(STATE_ENCRYPTION, encryption.encode(wanted))
    value = (await machine.state.get(MetaKeySpec, "0x09")).spec.value
    assert "sesame" not in value
    assert [key["kind"] for key in json.loads(value)["keys"]] == ["static", "nodeID"]


@given(data=st.one_of(st.binary(max_size=60), st.sampled_from(
    [b"null", b"[]", b'{"keys": 1}', b'{"keys": [1]}', b'{"keys": [{"passphrase": "open sesame"}]}']
)))  # fmt: skip
def test_what_is_published_of_a_strange_value_is_no_passphrase(data: bytes) -> None:
    from talos.machined import meta

    assert "sesame" not in meta._shown(STATE_ENCRYPTION, data)
