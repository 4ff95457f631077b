"""Resources that say one thing of the node, each with the owner that clients know from Talos."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from talos.config.view.model import MachineType
from talos.controllers.network.resolver_spec import ResolverSpecController
from talos.controllers.perf import stats
from talos.controllers.runtime.stage import STAGE_ID, MachineStageSpec
from talos.environment import NodeEnvironment
from talos.linux import proc_stat
from talos.machined.controllers.encryption_salt import EncryptionSaltController
from talos.resources.block import VolumeStatusSpec
from talos.resources.cri import ImageCacheConfigSpec
from talos.resources.enums import ImageCacheCopyStatus, ImageCacheStatus, MachineStage, VolumePhase
from talos.resources.kubeaccess import ConfigSpec as KubernetesAccessSpec
from talos.resources.kubespan import ConfigSpec as KubeSpanSpec
from talos.resources.network import NodeAddressSpec, PlatformConfigSpec, ResolverSpecSpec, ResolverStatusSpec
from talos.resources.perf import CPUSpec, MemorySpec
from talos.resources.runtime import MaintenanceServiceConfigSpec, MaintenanceServiceRequestSpec
from talos.resources.runtime.platform_metadata import PlatformMetadataSpec
from talos.resources.secrets import EncryptionSaltSpec
from talos.resources.v1alpha1 import AcquireConfigStatusSpec
from talos.state.controller_runtime import ControllerRuntime
from talos.state.inmemory import InMemoryState
from talos.state.spec import definition

Node = Any
MEMINFO = "MemTotal:  1000 kB\nMemFree:  400 kB\nMemAvailable:  700 kB\nActive(anon): 7 kB\nNFS_Unstable: 1 kB\n" \
          "Committed_AS: 55 kB\nHugePages_Total: 3\nDirectMap2M: 2048 kB\nSReclaimable: 9 kB\n"  # fmt: skip
STAT = "cpu  100 1 50 900 0 0 2 0 0 0\ncpu0 100 1 50 900 0 0 2 0 0 0\nintr 77 1 2\nctxt 88\nbtime 5\nprocesses 99\n" \
       "procs_running 2\nprocs_blocked 1\nsoftirq 66 1 2 3\n"  # fmt: skip


def test_memory_under_the_names_of_the_contract() -> None:
    spec = stats.memory(proc_stat.meminfo(MEMINFO))
    assert (spec.total, spec.used, spec.available) == (1000, 600, 700)
    assert (spec.active_anon, spec.nfsunstable, spec.commit_tedas, spec.huge_pages_total) == (7, 1, 55, 3)
    assert (spec.direct_map2m, spec.sreclaimable, spec.cma_total) == (2048, 9, 0)


def test_this_kernels_memory_leaves_no_large_field_empty() -> None:
    spec = stats.memory(proc_stat.meminfo(Path("/proc/meminfo").read_text()))
    for name in ("total", "used", "cached", "active", "anon_pages", "slab", "kernel_stack", "page_tables",
                 "commit_limit", "vmalloc_total", "hugepagesize", "direct_map4k"):  # fmt: skip
        assert getattr(spec, name) > 0, name


def test_processors_in_seconds() -> None:
    spec = stats.processors(proc_stat.stat(STAT))
    assert spec.cpu_total.user == spec.cpu[0].user > 0
    assert spec.cpu_total.idle == pytest.approx(9 * spec.cpu_total.user)
    counters = (spec.irq_total, spec.context_switches, spec.process_created, spec.process_running, spec.process_blocked)
    assert (*counters, spec.soft_irq_total) == (77, 88, 99, 2, 1, 66)


@given(st.dictionaries(st.from_regex(r"[A-Z][A-Za-z_()]{1,12}", fullmatch=True), st.integers(0, 2**62), max_size=9))
def test_meminfo_reads_back(values: dict[str, int]) -> None:
    assert proc_stat.meminfo("".join(f"{name}:  {value} kB\n" for name, value in values.items())) == values


async def test_statistics_are_written_at_the_start(node: Node) -> None:
    folder = node.env.path("/proc")
    folder.mkdir(parents=True)
    (folder / "meminfo").write_text(MEMINFO)
    (folder / "stat").write_text(STAT)
    node.run("perf.")
    assert (await node.get(MemorySpec, "latest")).used == 600
    assert (await node.get(CPUSpec, "latest")).context_switches == 88
    assert (await node.state.get(MemorySpec, "latest")).md.owner == "perf.StatsController"


@pytest.mark.parametrize("kind", [MachineType.CONTROL_PLANE, MachineType.WORKER])
async def test_meshes_and_doors_that_are_not_there(node: Node, make_config: Callable[..., Any], kind: Any) -> None:
    config = make_config(kind)
    await node.configure(config)
    node.run("kubespan.", "kubeaccess.", "cri.ImageCacheConfigController", "k8s.NodenameController")
    mesh = await node.get(KubeSpanSpec, "kubespan")
    assert (mesh.enabled, mesh.cluster_id, mesh.shared_secret) == (False, config.cluster.id, config.cluster.secret)
    cache = await node.get(ImageCacheConfigSpec, "image-cache")
    assert (cache.status, cache.copy_status) == (ImageCacheStatus.DISABLED, ImageCacheCopyStatus.SKIPPED)
    if kind is MachineType.CONTROL_PLANE:
        assert not (await node.get(KubernetesAccessSpec, "config")).enabled
    else:
        assert await node.state.list(KubernetesAccessSpec) == []


async def test_a_mesh_that_is_asked_for_is_not_shown_as_there(node: Node, make_config: Callable[..., Any]) -> None:
    await node.configure(make_config(cluster_discovery=True, kubespan=True))
    node.run("kubespan.")
    assert not (await node.get(KubeSpanSpec, "kubespan")).enabled


async def test_a_node_waits_for_its_configuration_and_then_has_it(node: Node, make_config: Callable[..., Any]) -> None:
    node.run("config.AcquireController")
    await node.put(STAGE_ID, MachineStageSpec(stage=MachineStage.BOOTING))
    await node.put(STAGE_ID, MachineStageSpec(stage=MachineStage.MAINTENANCE))
    await node.get(MaintenanceServiceRequestSpec, "maintenance")
    assert await node.state.list(AcquireConfigStatusSpec) == []
    await node.configure(make_config())
    await node.get(AcquireConfigStatusSpec, "machine-config")
    async with asyncio.timeout(10):
        await node.state.wait_gone(MaintenanceServiceRequestSpec, "maintenance")


async def test_where_maintenance_mode_would_be_reached(node: Node) -> None:
    await node.put("current", NodeAddressSpec(addresses=["10.77.0.2/24", "2001:db8::2/64"]))
    node.run("runtime.MaintenanceConfigController")
    spec = await node.get(MaintenanceServiceConfigSpec, "maintenance")
    assert (spec.listen_address, spec.reachable_addresses) == (":50000", ["10.77.0.2", "2001:db8::2"])


async def test_what_the_platform_said_of_the_machine(node: Node) -> None:
    node.run("network.PlatformConfigApplyController")
    await node.put("active", PlatformConfigSpec(metadata=PlatformMetadataSpec(platform="nocloud", zone="a")))
    assert (await node.get(PlatformMetadataSpec, "platformmetadata")).zone == "a"
    owner = (await node.state.get(PlatformMetadataSpec, "platformmetadata")).md.owner
    assert owner == "network.PlatformConfigApplyController"


async def test_the_salt_is_the_one_on_state_and_for_administrators(node: Node) -> None:
    assert definition(EncryptionSaltSpec).sensitive
    state = node.env.path("/system/state")
    state.mkdir(parents=True)
    found = []
    for _ in range(2):
        store = InMemoryState()
        async with asyncio.timeout(10), ControllerRuntime(store, [EncryptionSaltController], node.env):
            await store.modify(VolumeStatusSpec, "STATE", lambda _: VolumeStatusSpec(phase=VolumePhase.LOCATED))
            await store.modify(VolumeStatusSpec, "STATE", lambda _: VolumeStatusSpec(phase=VolumePhase.READY))
            found.append((await store.wait_for(EncryptionSaltSpec, "salt")).spec.disk_salt)
    file = state / "encryption-salt.yaml"
    assert len(found[0]) == 32
    assert found[0] == found[1] == yaml.safe_load(file.read_bytes())["diskSalt"]
    assert file.stat().st_mode & 0o077 == 0


async def test_resolvers_go_after_what_was_made_of_them(tmp_path: Path) -> None:
    state = InMemoryState()
    async with asyncio.timeout(10), ControllerRuntime(state, [ResolverSpecController], NodeEnvironment(root=tmp_path)):
        await state.modify(ResolverSpecSpec, "resolvers", lambda _: ResolverSpecSpec(dns_servers=["192.0.2.1"]))
        await state.wait_for(ResolverStatusSpec, "resolvers")
        held = await state.get(ResolverSpecSpec, "resolvers")
        assert held.md.finalizers == ["network.ResolverSpecController"]
        await state.teardown(ResolverSpecSpec, "resolvers")
        await state.wait_for(ResolverSpecSpec, "resolvers", lambda r: not r.md.finalizers)
        assert await state.list(ResolverStatusSpec) == []
        await state.destroy(ResolverSpecSpec, "resolvers")
