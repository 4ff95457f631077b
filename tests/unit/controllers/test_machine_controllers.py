"""Controllers of machined's own domains, on a real state and a node's root in a temporary folder."""

from __future__ import annotations

import asyncio
import json
import os
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from talos.config.generate import Input
from talos.config.secrets import Bundle
from talos.config.view.model import MachineType
from talos.controllers import toml
from talos.controllers.block import started
from talos.controllers.block.mount import MountController
from talos.controllers.block.volume_config import VolumeConfigController, container_volumes
from talos.controllers.block.volume_manager import VolumeManagerController, parents_first, target_of
from talos.controllers.cri.registries_config import RegistriesConfigController
from talos.controllers.files.cri_config import IMAGES, cri_config, hosts_files
from talos.controllers.files.etc_file import EtcFileController
from talos.controllers.runtime import kernel_param_defaults
from talos.controllers.runtime.kernel_param_defaults import KernelParamDefaultsController
from talos.controllers.runtime.kernel_param_spec import KernelParamSpecController, path_of
from talos.controllers.runtime.machine_status import (
    MachineStatusController,
    network_reason,
    required_services,
    services_reason,
    static_pods_reason,
)
from talos.controllers.runtime.stage import STAGE_ID, MachineStageSpec
from talos.environment import NodeEnvironment
from talos.linux.mount import mount, umount
from talos.machined import kernel_settings
from talos.machined.node import Node
from talos.machined.tasks import wanted_services
from talos.resources.block import DiscoveredVolumeSpec, MountStatusSpec, VolumeConfigSpec, VolumeStatusSpec
from talos.resources.block.mount import MountSpec
from talos.resources.config import MachineConfigSpec
from talos.resources.cri import RegistriesConfigSpec
from talos.resources.cri.registry_config import RegistryEndpointConfig, RegistryMirrorConfig
from talos.resources.enums import EncryptionKeyType, EncryptionProviderType, MachineStage, VolumePhase, VolumeType
from talos.resources.files import EtcFileSpecSpec, EtcFileStatusSpec
from talos.resources.k8s import NodenameSpec
from talos.resources.network import StatusSpec as NetworkStatusSpec
from talos.resources.runtime import KernelParamSpecSpec, KernelParamStatusSpec, MachineStatusSpec
from talos.resources.v1alpha1 import ServiceSpec
from talos.state.controller import Controller
from talos.state.controller_runtime import ControllerRuntime
from talos.state.inmemory import InMemoryState
from talos.state.resource import Phase, Resource

VOLUMES: tuple[type[Controller], ...] = (VolumeConfigController, VolumeManagerController, MountController)


@asynccontextmanager
async def running(
    root: Path, *controllers: type[Controller], env: NodeEnvironment | None = None
) -> AsyncIterator[InMemoryState]:
    state = InMemoryState()
    env = env or NodeEnvironment(platform="container", root=root)
    async with ControllerRuntime(state, controllers, env):
        yield state


async def within(awaitable: Any) -> Any:
    return await asyncio.wait_for(awaitable, 5)


async def test_a_file_follows_its_spec_and_goes_with_it(tmp_path: Path) -> None:
    async with running(tmp_path, EtcFileController) as state:
        spec = EtcFileSpecSpec(contents="nameserver 10.0.0.1\n", mode=0o640)
        await state.create(Resource.new(EtcFileSpecSpec, "resolv.conf", spec), owner="x")
        await state.create(Resource.new(EtcFileSpecSpec, "cri/conf.d/cri.toml", spec), owner="x")
        await within(state.wait_for(EtcFileStatusSpec, "cri/conf.d/cri.toml"))
        await within(state.wait_for(EtcFileStatusSpec, "resolv.conf"))
        file = tmp_path / "system/etc/resolv.conf"
        assert file.read_text() == "nameserver 10.0.0.1\n" and file.stat().st_mode & 0o777 == 0o640
        assert (tmp_path / "system/resolved/resolv.conf").read_text() == "nameserver 10.0.0.1\n"
        held = await state.get(EtcFileSpecSpec, "resolv.conf")
        assert held.md.finalizers == ["files.EtcFileController"]
        held.spec.contents = "nameserver 10.0.0.2\n"
        updated = await state.update(held, owner="x")
        version = str(updated.md.version)
        await within(state.wait_for(EtcFileStatusSpec, "resolv.conf", lambda r: r.spec.spec_version == version))
        assert file.read_text() == "nameserver 10.0.0.2\n"
        assert not await state.teardown(EtcFileSpecSpec, "cri/conf.d/cri.toml", owner="x"), "the file is still there"
        await within(state.wait_for(EtcFileSpecSpec, "cri/conf.d/cri.toml", lambda r: not r.md.finalizers))
        await state.destroy(EtcFileSpecSpec, "cri/conf.d/cri.toml", owner="x")
        assert [one.id for one in await state.list(EtcFileStatusSpec)] == ["resolv.conf"]
        assert not (tmp_path / "system/etc/cri/conf.d/cri.toml").exists()


async def test_networkd_writes_no_other_file_than_its_own(tmp_path: Path) -> None:
    """It has no privileges; hooks in containerd's configuration would give it all of them."""
    async with running(tmp_path, EtcFileController) as state:
        spec = EtcFileSpecSpec(contents="x", mode=0o644)
        for name in ("cri/conf.d/base-spec.json", "./hosts/../kubernetes/kubelet.yaml", "hosts"):
            await state.create(Resource.new(EtcFileSpecSpec, name, spec), owner="network.EtcFileController")
        await within(state.wait_for(EtcFileStatusSpec, "hosts"))
        files = [path for path in (tmp_path / "system/etc").rglob("*") if path.is_file()]
        assert files == [tmp_path / "system/etc/hosts"]
        assert [status.id for status in await state.list(EtcFileStatusSpec)] == ["hosts"]


@pytest.mark.root
async def test_all_volumes_of_a_container_node_become_ready_with_owner_and_mode(tmp_path: Path) -> None:
    async with running(tmp_path, *VOLUMES) as state:
        for id in set(container_volumes()) - {"META"}:
            await within(state.wait_for(VolumeStatusSpec, id, lambda r: r.spec.phase is VolumePhase.READY))
        assert (await state.get(VolumeStatusSpec, "META")).spec.phase is VolumePhase.WAITING
        etcd = tmp_path / "var/lib/etcd"
        assert (etcd.stat().st_uid, etcd.stat().st_mode & 0o777) == (60, 0o700)
        assert (tmp_path / "var/run").is_symlink()
        kube = await within(state.wait_for(MountStatusSpec, "/var/log/audit/kube"))
        assert kube.md.owner == "block.MountController"
        assert kube.spec.target == "/var/log/audit/kube"


async def test_a_volume_is_let_go_of_from_the_mount_backwards(tmp_path: Path) -> None:
    """Configuration, status and mount go in the reverse order of how they came."""
    async with running(tmp_path, VolumeManagerController, MountController) as state:
        spec = VolumeConfigSpec(type=VolumeType.DIRECTORY, mount=MountSpec(target_path="/var/data", uid=os.getuid()))
        spec.mount.gid = os.getgid()  # type: ignore[union-attr]
        await state.create(Resource.new(VolumeConfigSpec, "data", spec), owner="x")
        await within(state.wait_for(MountStatusSpec, "data"))
        for kind, holder in ((VolumeConfigSpec, "block.VolumeManagerController"),
                             (VolumeStatusSpec, "block.MountController")):  # fmt: skip
            await within(state.wait_for(kind, "data", lambda r, h=holder: r.md.finalizers == [h]))
        held = await state.add_finalizer(await state.get(MountStatusSpec, "data"), "whoever is slow")
        assert not await state.teardown(VolumeConfigSpec, "data", owner="x")
        for kind in (VolumeStatusSpec, MountStatusSpec):
            await within(state.wait_for(kind, "data", lambda r: r.md.phase is Phase.TEARING_DOWN))
        assert (await state.get(VolumeConfigSpec, "data")).md.finalizers == ["block.VolumeManagerController"]
        await state.remove_finalizer(held, "whoever is slow")
        await within(state.wait_for(VolumeConfigSpec, "data", lambda r: not r.md.finalizers))
        assert await state.list(VolumeStatusSpec) == await state.list(MountStatusSpec) == []
        await state.destroy(VolumeConfigSpec, "data", owner="x")
        assert (tmp_path / "var/data").is_dir(), "what a person keeps is not removed with its configuration"


@pytest.mark.root
async def test_volumes_of_a_machine_are_ready_when_their_partitions_are_found_and_mounted(tmp_path: Path) -> None:
    env = NodeEnvironment(platform="metal", root=tmp_path)
    async with running(tmp_path, *VOLUMES, env=env) as state:
        await within(state.wait_for(VolumeStatusSpec, "STATE", lambda r: r.spec.phase is VolumePhase.WAITING))
        (tmp_path / "system/state").mkdir(parents=True, exist_ok=True)
        mount("tmpfs", tmp_path / "system/state", "tmpfs")
        try:
            for number, label in enumerate(("META", "STATE"), 2):
                volume = DiscoveredVolumeSpec(
                    dev_path=f"/dev/vda{number}", parent_dev_path="/dev/vda", partition_label=label, name="xfs"
                )
                await state.create(Resource.new(DiscoveredVolumeSpec, f"vda{number}", volume), owner="x")
            for id in ("META", "STATE", "/var/lib", "CRI"):
                await within(state.wait_for(VolumeStatusSpec, id, lambda r: r.spec.phase is VolumePhase.READY))
            status = await within(state.wait_for(MountStatusSpec, "STATE"))
            assert (status.spec.source, status.spec.target) == ("/dev/vda3", "/system/state")
            assert (tmp_path / "system/state").stat().st_mode & 0o777 == 0o700
            assert (await state.get(VolumeStatusSpec, "EPHEMERAL")).spec.phase is VolumePhase.WAITING
        finally:
            umount(tmp_path / "system/state")


@pytest.mark.root
async def test_encrypted_volumes_say_with_which_key_they_were_opened_or_why_not(tmp_path: Path) -> None:
    env = NodeEnvironment(platform="metal", root=tmp_path)
    record = tmp_path / "run/machined/system-disk.json"
    record.parent.mkdir(parents=True)
    states = {
        "STATE": started.VolumeState(
            device="/dev/mapper/luks2-STATE", encrypted=True, slot=1, keys=["static", "nodeID"],
            failed_syncs=["key slot 0 (static): no"], allow_discards=True,
        ),
        "EPHEMERAL": started.VolumeState(problem="EPHEMERAL is not mounted: no key fits"),
    }  # fmt: skip
    record.write_text(json.dumps({"disk": "/dev/vda", "volumes": started.encode(states)}))
    head = "version: v1alpha1\nmachine: {type: worker}\n---\napiVersion: v1alpha1\nkind: VolumeConfig\n"
    keys = "[{slot: 0, static: {passphrase: p}}, {slot: 1, nodeID: {}}]"
    text = f"{head}name: STATE\nencryption: {{provider: luks2, keys: {keys}, blockSize: 4096}}\n"
    async with running(tmp_path, *VOLUMES, env=env) as state:
        config = MachineConfigSpec(text=text)
        await state.create(Resource.new(MachineConfigSpec, "v1alpha1", config), owner="x")
        (tmp_path / "system/state").mkdir(parents=True, exist_ok=True)
        (tmp_path / "var").mkdir(exist_ok=True)
        mount("tmpfs", tmp_path / "system/state", "tmpfs")
        try:
            for number, label in enumerate(states, 3):
                volume = DiscoveredVolumeSpec(dev_path=f"/dev/vda{number}", partition_label=label, name="luks")
                await state.create(Resource.new(DiscoveredVolumeSpec, f"vda{number}", volume), owner="x")
            opened = await within(
                state.wait_for(VolumeStatusSpec, "STATE", lambda r: r.spec.phase is VolumePhase.READY)
            )
            assert (opened.spec.location, opened.spec.mount_location) == ("/dev/vda3", "/dev/mapper/luks2-STATE")
            assert opened.spec.encryption_provider is EncryptionProviderType.LUKS2
            assert (opened.spec.encryption_slot, opened.spec.configured_encryption_keys) == (1, ["static", "nodeID"])
            assert opened.spec.encryption_failed_syncs == ["key slot 0 (static): no"]
            assert opened.spec.encryption_allow_discards and not opened.spec.encryption_locked_to_state
            mounted = await within(state.wait_for(MountStatusSpec, "STATE"))
            assert mounted.spec.encryption_provider is EncryptionProviderType.LUKS2
            locked = await within(
                state.wait_for(VolumeStatusSpec, "EPHEMERAL", lambda r: r.spec.phase is VolumePhase.FAILED)
            )
            assert locked.spec.error_message == "EPHEMERAL is not mounted: no key fits"
            wanted = await within(
                state.wait_for(VolumeConfigSpec, "STATE", lambda r: r.spec.encryption is not None)
            )
            assert wanted.spec.encryption is not None
            assert [key.type for key in wanted.spec.encryption.keys] == [
                EncryptionKeyType.STATIC, EncryptionKeyType.NODE_ID,
            ]  # fmt: skip
            assert wanted.spec.encryption.block_size == 4096
        finally:
            umount(tmp_path / "system/state")


async def test_the_place_of_ephemeral_is_the_configurations(tmp_path: Path) -> None:
    env = NodeEnvironment(platform="metal", root=tmp_path)
    head = "version: v1alpha1\nmachine: {type: worker}\n---\napiVersion: v1alpha1\nkind: VolumeConfig\n"
    place = "{diskSelector: {match: disk.transport == 'nvme'}, minSize: 3GiB, maxSize: -10%, grow: false}"
    text = f"{head}name: EPHEMERAL\nprovisioning: {place}\nmount: {{secure: false}}\n"
    async with running(tmp_path, VolumeConfigController, env=env) as state:
        plain = (await within(state.wait_for(VolumeConfigSpec, "EPHEMERAL"))).spec
        assert plain.provisioning.partition_spec.grow and plain.provisioning.partition_spec.min_size == 2 << 30
        await state.create(Resource.new(MachineConfigSpec, "v1alpha1", MachineConfigSpec(text=text)), owner="x")
        found = await within(state.wait_for(VolumeConfigSpec, "EPHEMERAL", lambda r: not r.spec.mount.secure))
        assert found.spec.provisioning.disk_selector.match == "disk.transport == 'nvme'"
        part = found.spec.provisioning.partition_spec
        assert (part.min_size, part.max_size, part.relative_max_size, part.negative_max_size, part.grow) == (
            3 << 30, 0, 10, True, False,
        )  # fmt: skip
        assert (found.spec.provisioning.wave, part.label) == (-1, "EPHEMERAL")


def test_a_volume_stands_after_the_one_it_lies_in() -> None:
    volumes = container_volumes()
    order = parents_first(volumes)
    mounts = {id: spec.mount for id, spec in volumes.items()}
    for id, spec in volumes.items():
        if spec.parent_id:
            assert order.index(spec.parent_id) < order.index(id)
            assert target_of(id, mounts).startswith(target_of(spec.parent_id, mounts) + "/")


async def test_a_container_writes_only_parameters_of_its_own_namespaces(tmp_path: Path) -> None:
    for name, value in {"net/ipv4/ip_forward": "0", "vm/overcommit_memory": "0", "kernel/panic": "0"}.items():
        path = tmp_path / "proc/sys" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{value}\n")
    async with running(tmp_path, KernelParamDefaultsController, KernelParamSpecController) as state:
        forward = await within(state.wait_for(KernelParamStatusSpec, "proc.sys.net.ipv4.ip_forward"))
        assert forward.spec == KernelParamStatusSpec(current="1", default="0")
        memory = await within(state.wait_for(KernelParamStatusSpec, "proc.sys.vm.overcommit_memory"))
        assert memory.spec == KernelParamStatusSpec(current="0", default="0", unsupported=True)
    assert (tmp_path / "proc/sys/net/ipv4/ip_forward").read_text() == "1"
    assert (tmp_path / "proc/sys/vm/overcommit_memory").read_text() == "0\n"


async def test_a_killed_machined_still_knows_what_a_kernel_parameter_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "proc/sys/net/ipv4/ip_default_ttl"
    file.parent.mkdir(parents=True)
    file.write_text("64\n")
    id = "proc.sys.net.ipv4.ip_default_ttl"
    async with running(tmp_path, KernelParamSpecController) as state:
        await state.create(Resource.new(KernelParamSpecSpec, id, KernelParamSpecSpec(value="70")))
        await within(state.wait_for(KernelParamStatusSpec, id))
    assert file.read_text() == "70"
    async with running(tmp_path, KernelParamSpecController) as state:
        await state.create(Resource.new(KernelParamSpecSpec, id, KernelParamSpecSpec(value="71")))
        status = await within(state.wait_for(KernelParamStatusSpec, id))
        assert status.spec == KernelParamStatusSpec(current="71", default="64")
    monkeypatch.setattr("talos.controllers.runtime.kernel_param_spec.SETTLE_S", 0.05)
    async with running(tmp_path, KernelParamSpecController):
        async with asyncio.timeout(5):
            while file.read_text() != "64":  # noqa: ASYNC110 - a file
                await asyncio.sleep(0.01)


def test_names_of_kernel_parameters() -> None:
    assert path_of("proc.sys.net.ipv4.ip_forward") == "/proc/sys/net/ipv4/ip_forward"
    assert path_of("proc.sys.net.ipv4.conf.eth0/1.forwarding") == "/proc/sys/net/ipv4/conf/eth0.1/forwarding"
    assert path_of("sys.block.vda.queue.scheduler") == "/sys/block/vda/queue/scheduler"
    with pytest.raises(ValueError, match="not the name of a kernel parameter"):
        path_of("proc.sys.//.etc")


values = st.recursive(
    st.booleans() | st.integers(-(2**60), 2**60) | st.text(st.characters(blacklist_categories=["Cs"])),
    lambda inner: st.lists(st.text(max_size=5), max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(suppress_health_check=[HealthCheck.too_slow])  # a busy machine is slow, the documents are not large
@given(st.dictionaries(st.text(st.characters(blacklist_categories=["Cs"]), max_size=10), values, max_size=5))
def test_what_is_written_as_toml_reads_back(document: dict[str, Any]) -> None:
    assert tomllib.loads(toml.dump(document)) == document


def test_containerd_starts_from_the_images_of_the_root() -> None:
    config = tomllib.loads(toml.dump(cri_config({}, restrict_oom_score_adj=True)))
    plugins = config["plugins"]
    assert plugins["io.containerd.cri.v1.runtime"]["restrict_oom_score_adj"] is True
    assert plugins["io.containerd.cri.v1.images"]["pinned_images"]["sandbox"].startswith("registry.k8s.io/pause:")
    runc = plugins["io.containerd.cri.v1.runtime"]["containerd"]["runtimes"]["runc"]
    assert runc["options"]["ShimCgroup"] == "/podruntime/shim"


def test_a_mirror_without_fallback_is_the_server() -> None:
    mirror = RegistryMirrorConfig(endpoints=[RegistryEndpointConfig(endpoint="http://10.0.0.1:5000")])
    strict = RegistryMirrorConfig(endpoints=mirror.endpoints, skip_fallback=True)
    files = hosts_files(RegistriesConfigSpec(mirrors={"ghcr.io": strict, "docker.io": mirror, "*": mirror}))
    only = tomllib.loads(files["cri/conf.d/hosts/ghcr.io/hosts.toml"])
    assert only == {"server": "http://10.0.0.1:5000", "capabilities": ["pull", "resolve"]}
    fallback = tomllib.loads(files["cri/conf.d/hosts/docker.io/hosts.toml"])
    assert fallback["server"] == "https://registry-1.docker.io" and list(fallback["host"]) == ["http://10.0.0.1:5000"]
    assert "server" not in tomllib.loads(files["cri/conf.d/hosts/_default/hosts.toml"])


async def test_without_a_configuration_there_are_no_mirrors(tmp_path: Path) -> None:
    async with running(tmp_path, RegistriesConfigController) as state:
        assert (await within(state.wait_for(RegistriesConfigSpec, "registries"))).spec == RegistriesConfigSpec()


def test_reasons_name_what_is_missing() -> None:
    services = {"apid": ServiceSpec(running=True, healthy=True), "etcd": ServiceSpec(), "x": ServiceSpec(running=True)}
    assert services_reason(services, ("apid", "kubelet")) == "kubelet not registered, etcd not running, x not healthy"
    assert network_reason(NetworkStatusSpec(address_ready=True, etc_files_ready=True)) == (
        "waiting on: connectivity, hostname"
    )
    ready = {"conditions": [{"type": "Ready", "status": "True"}]}
    assert static_pods_reason({"a": ready, "b": {"conditions": []}}) == "b not ready"


def test_credentials_of_docker_io_are_for_the_host_that_serves_it() -> None:
    def configs(auths: dict[str, dict[str, str]]) -> dict[str, str]:
        found = cri_config(auths, restrict_oom_score_adj=False)["plugins"][IMAGES]["registry"]["configs"]
        return {host: given["auth"]["username"] for host, given in found.items()}

    mine, other = {"username": "mine"}, {"username": "other"}
    assert configs({"docker.io": mine}) == {"docker.io": "mine", "registry-1.docker.io": "mine"}
    assert configs({"docker.io": mine, "registry-1.docker.io": other})["registry-1.docker.io"] == "other"
    assert configs({"ghcr.io": mine}) == {"ghcr.io": "mine"}


def test_a_machine_has_what_its_kubelet_insists_on() -> None:
    """It ends at once where a setting differs; on a container node the files are covered (kernel_settings)."""
    built_in = {"vm.panic_on_oom": "0", "kernel.keys.root_maxkeys": "1000000", "kernel.keys.root_maxbytes": "25000000"}
    ours = {**built_in, **kernel_param_defaults.EVERYWHERE, **kernel_param_defaults.MACHINES_ONLY}
    for name, value in kernel_settings.WANTED.items():
        assert ours[name.replace("/", ".")] == value


@pytest.mark.parametrize(
    ("kind", "kubernetes", "wanted"),
    [
        (MachineType.CONTROL_PLANE, True, {"trustd", "etcd", "kubelet"}),
        (MachineType.WORKER, True, {"kubelet"}),
        (MachineType.CONTROL_PLANE, False, {"trustd"}),
        (MachineType.WORKER, False, set()),
    ],
)
async def test_services_are_those_of_the_configuration(
    tmp_path: Path, kind: MachineType, kubernetes: bool, wanted: set[str]
) -> None:
    """Those that start are those that the machine's readiness asks for, and no others are missed."""
    secrets = Bundle.generate(kubernetes=False)
    given = Input(cluster_name="demo", endpoint="https://10.5.0.2:6443", secrets=secrets, kubernetes=kubernetes)
    config = given.config(kind)
    node = Node(NodeEnvironment(platform="container", root=tmp_path), InMemoryState())
    node.config.current = config
    started = set(wanted_services(node))
    assert started - {"machined", "apid", "networkd", "timed", "containerd", "cri"} == wanted
    required = set(required_services(config))
    assert required == {"machined", "apid", *wanted} <= started
    async with running(tmp_path, MachineStatusController) as state:
        await state.create(Resource.new(MachineConfigSpec, "v1alpha1", MachineConfigSpec(config.encode())))
        await state.create(Resource.new(MachineStageSpec, STAGE_ID, MachineStageSpec(stage=MachineStage.RUNNING)))
        for id in required:
            await state.create(Resource.new(ServiceSpec, id, ServiceSpec(running=True, healthy=True)))
        met = "nodeReady" not in await unmet(state)
        assert met is not kubernetes
        if kubernetes:
            name = Resource.new(NodenameSpec, "nodename", NodenameSpec(nodename="a", skip_node_registration=True))
            await state.create(name)
            await within(state.wait_for(MachineStatusSpec, "machine", lambda r: "nodeReady" not in names(r)))
        assert "services" not in await unmet(state)
        if wanted:
            await state.destroy(ServiceSpec, min(wanted))
            await within(state.wait_for(MachineStatusSpec, "machine", lambda r: "services" in names(r)))


def names(status: Resource[MachineStatusSpec]) -> set[str]:
    return {condition.name for condition in status.spec.status.unmet_conditions}


async def unmet(state: InMemoryState) -> set[str]:
    """Conditions that are left when the services' is settled."""
    found = await within(state.wait_for(MachineStatusSpec, "machine", lambda r: "services" not in names(r)))
    return names(found)
