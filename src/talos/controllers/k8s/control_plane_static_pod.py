"""The control plane's static pods.

All are published once this node's etcd member answers: an API server without etcd exits, and the kubelet lets an exited
pod wait ten seconds. The controller manager and the scheduler of our image wait for the API server by themselves
(components/node/apiserver_wait.go), so their starts overlap; an image of upstream exits and is started again.
Once published they stay: a control plane without etcd for a moment is not helped by being taken down.
"""

from __future__ import annotations

from talos.controllers.k8s.control_plane_api_server_final import FINAL_ID as API_SERVER
from talos.controllers.k8s.control_plane_controller_manager_final import FINAL_ID as CONTROLLER_MANAGER
from talos.controllers.k8s.control_plane_pods import (
    Mount,
    Pod,
    Settings,
    api_server_pod,
    controller_manager_pod,
    scheduler_pod,
)
from talos.controllers.k8s.control_plane_scheduler_final import FINAL_ID as SCHEDULER
from talos.controllers.k8s.versions import Versions
from talos.controllers.publish import always
from talos.resources.etcd import MemberSpec
from talos.resources.k8s import (
    APIServerConfigSpec,
    ConfigStatusSpec,
    ControllerManagerConfigSpec,
    ExtraVolume,
    SchedulerConfigSpec,
    SecretsStatusSpec,
    StaticPodSpec,
)
from talos.state import SHARED, Controller, Input, Output, Runtime

STATUS = "static-pods"


class ControlPlaneStaticPodController(Controller):
    """Final component configs, rendered files, etcd member -> StaticPods kube-apiserver, …"""

    name = "k8s.ControlPlaneStaticPodController"
    inputs = (
        Input(APIServerConfigSpec, id=API_SERVER),
        Input(ControllerManagerConfigSpec, id=CONTROLLER_MANAGER),
        Input(SchedulerConfigSpec, id=SCHEDULER),
        Input(SecretsStatusSpec, id=STATUS),
        Input(ConfigStatusSpec, id=STATUS),
        Input(MemberSpec, id="local"),
    )
    outputs = (Output(StaticPodSpec, SHARED),)

    def __init__(self) -> None:
        self._published = False
        self._versions = {name: Versions(name) for name in (API_SERVER, CONTROLLER_MANAGER, SCHEDULER)}

    async def reconcile(self, rt: Runtime) -> None:
        server = await rt.get_or_none(APIServerConfigSpec, API_SERVER)
        manager = await rt.get_or_none(ControllerManagerConfigSpec, CONTROLLER_MANAGER)
        scheduler = await rt.get_or_none(SchedulerConfigSpec, SCHEDULER)
        if server is None and manager is None and scheduler is None:
            await rt.keep_only(StaticPodSpec, ())
            return
        secrets = await rt.get_or_none(SecretsStatusSpec, STATUS)
        configs = await rt.get_or_none(ConfigStatusSpec, STATUS)
        member = await rt.get_or_none(MemberSpec, "local")
        if secrets is None or configs is None or (member is None and not self._published):
            return
        pods: list[Pod] = []
        if server is not None:
            pods.append(
                api_server_pod(
                    _settings(server.spec),
                    server.spec.args,
                    port=server.spec.local_port,
                    config_version=self._versions[API_SERVER].number(rt.env, server.spec),
                    config_file_version=configs.spec.version,
                    secrets_version=secrets.spec.version,
                    startup_probe=server.spec.startup_probes_enabled,
                )
            )
        if manager is not None and manager.spec.enabled:
            version = self._versions[CONTROLLER_MANAGER].number(rt.env, manager.spec)
            pods.append(
                controller_manager_pod(
                    _settings(manager.spec),
                    manager.spec.args,
                    config_version=version,
                    secrets_version=secrets.spec.version,
                )
            )
        if scheduler is not None and scheduler.spec.enabled:
            version = self._versions[SCHEDULER].number(rt.env, scheduler.spec)
            pods.append(
                scheduler_pod(
                    _settings(scheduler.spec),
                    scheduler.spec.args,
                    config_version=version,
                    secrets_version=secrets.spec.version,
                )
            )
        await self._publish(rt, pods)
        await rt.keep_only(StaticPodSpec, [pod["metadata"]["name"] for pod in pods])

    async def _publish(self, rt: Runtime, pods: list[Pod]) -> None:
        for pod in pods:
            spec = StaticPodSpec(pod=pod)
            await rt.modify(StaticPodSpec, pod["metadata"]["name"], always(spec))
        self._published = True


def _settings(spec: APIServerConfigSpec | ControllerManagerConfigSpec | SchedulerConfigSpec) -> Settings:
    return Settings(
        image=spec.image,
        env=spec.environment_variables,
        requests=spec.resources.requests,
        limits=spec.resources.limits,
        mounts=[_mount(volume) for volume in spec.extra_volumes],
    )


def _mount(volume: ExtraVolume) -> Mount:
    return Mount(volume.name, volume.mount_path, volume.host_path, volume.readonly)
