"""What the machine is doing and whether it is ready, with what is missing: what `talosctl health` and people look at.

Conditions count while the machine boots and runs; in other stages it is ready for what it does.
"""

from __future__ import annotations

from typing import Any

from talos.config import Config
from talos.controllers.machine_config import ACTIVE_CONFIG, active
from talos.controllers.runtime.stage import STAGE_ID, MachineStageSpec
from talos.resources.enums import MachineStage
from talos.resources.k8s import NodenameSpec, NodeStatusSpec, StaticPodStatusSpec
from talos.resources.network import StatusSpec as NetworkStatusSpec
from talos.resources.runtime import MachineStatusSpec
from talos.resources.runtime.machine_status import MachineStatusStatus, UnmetCondition
from talos.resources.time import StatusSpec as TimeStatusSpec
from talos.resources.v1alpha1 import ServiceSpec
from talos.state.controller import Controller, Input, Output
from talos.state.runtime import Runtime


def required_services(config: Config | None) -> tuple[str, ...]:
    """Services without which a node is not what its configuration says; while that is not read, it is not ready."""
    required = ("apid", "machined")
    if config is None:
        return (*required, "kubelet")
    machine = config.machine
    return (
        *required,
        *(("kubelet",) if machine.runs_kubelet else ()),
        *(("etcd",) if machine.runs_etcd else ()),
        *(("trustd",) if machine.is_control_plane else ()),
    )


def services_reason(services: dict[str, ServiceSpec], required: tuple[str, ...]) -> str:
    """ "" if all run and are healthy."""
    problems = [f"{id} not registered" for id in required if id not in services]
    for id, spec in sorted(services.items()):
        if not spec.running:
            problems.append(f"{id} not running")
        elif not spec.unknown and not spec.healthy:
            problems.append(f"{id} not healthy")
        elif spec.unknown:
            problems.append(f"{id} health unknown")
    return ", ".join(problems)


def network_reason(spec: NetworkStatusSpec | None) -> str:
    """ "" if the network is as configured."""
    if spec is None:
        return "network status is not known yet"
    parts = {
        "address": spec.address_ready,
        "connectivity": spec.connectivity_ready,
        "etc-files": spec.etc_files_ready,
        "hostname": spec.hostname_ready,
    }
    missing = [name for name, ready in parts.items() if not ready]
    return f"waiting on: {', '.join(missing)}" if missing else ""


def static_pods_reason(pods: dict[str, dict[str, Any]]) -> str:
    """ "" if every static pod that the kubelet knows is ready."""
    problems = []
    for id, status in sorted(pods.items()):
        conditions = {c.get("type"): c.get("status") for c in status.get("conditions", [])}
        if conditions.get("Ready") != "True" and status.get("phase") != "Succeeded":
            problems.append(f"{id} not ready")
    return ", ".join(problems)


class MachineStatusController(Controller):
    """Stage and services and network and pods → MachineStatuses."""

    name = "runtime.MachineStatusController"
    inputs = (
        Input(MachineStageSpec, id=STAGE_ID),
        ACTIVE_CONFIG,
        Input(TimeStatusSpec, id="node"),
        Input(NetworkStatusSpec, id="status"),
        Input(ServiceSpec),
        Input(StaticPodStatusSpec),
        Input(NodenameSpec, id="nodename"),
        Input(NodeStatusSpec),
    )
    outputs = (Output(MachineStatusSpec),)

    async def reconcile(self, rt: Runtime) -> None:
        stage_resource = await rt.get_or_none(MachineStageSpec, STAGE_ID)
        stage = stage_resource.spec.stage if stage_resource is not None else MachineStage.UNKNOWN
        config = await active(rt)
        unmet: list[UnmetCondition] = []
        if stage in (MachineStage.BOOTING, MachineStage.RUNNING):
            reasons = {
                "time": await self._time(rt),
                "network": await self._network(rt),
                "services": services_reason(
                    {r.id: r.spec for r in await rt.list(ServiceSpec)}, required_services(config)
                ),
                "staticPods": static_pods_reason({r.id: r.spec.pod_status for r in await rt.list(StaticPodStatusSpec)}),
                "nodeReady": await self._node(rt) if config is not None and config.machine.runs_kubelet else "",
            }
            unmet = [UnmetCondition(name=name, reason=reason) for name, reason in reasons.items() if reason]
        if stage_resource is not None and stage_resource.spec.problem:
            unmet.insert(0, UnmetCondition(name="config", reason=stage_resource.spec.problem))
        spec = MachineStatusSpec(stage=stage, status=MachineStatusStatus(ready=not unmet, unmet_conditions=unmet))
        await rt.modify(MachineStatusSpec, "machine", lambda _old: spec)

    async def _time(self, rt: Runtime) -> str:
        status = await rt.get_or_none(TimeStatusSpec, "node")
        return "" if status is not None and status.spec.synced else "time is not synced"

    async def _network(self, rt: Runtime) -> str:
        status = await rt.get_or_none(NetworkStatusSpec, "status")
        return network_reason(status.spec if status is not None else None)

    async def _node(self, rt: Runtime) -> str:
        nodename = await rt.get_or_none(NodenameSpec, "nodename")
        if nodename is None:
            return "node name is not known yet"
        if nodename.spec.skip_node_registration:
            return ""
        status = await rt.get_or_none(NodeStatusSpec, nodename.spec.nodename)
        if status is None:
            return f'node "{nodename.spec.nodename}" status is not available yet'
        if not status.spec.node_ready:
            return f'node "{nodename.spec.nodename}" is not ready'
        if status.spec.unschedulable:
            return f'node "{nodename.spec.nodename}" is cordoned'
        return ""
