"""Configuration files of the control plane's static pods."""

from __future__ import annotations

from talos.controllers.files_on_disk import write_directory
from talos.controllers.k8s.control_plane_files import (
    admission_control,
    api_server_config,
    authorization,
    scheduler_config_files,
)
from talos.controllers.k8s.control_plane_scheduler_final import FINAL_ID
from talos.controllers.k8s.versions import Versions
from talos.kubernetes.kubeconfig import dump
from talos.resources.k8s import (
    AdmissionControlConfigSpec,
    AuditPolicyConfigSpec,
    AuthenticationConfigSpec,
    AuthorizationConfigSpec,
    ConfigStatusSpec,
    SchedulerConfigSpec,
)
from talos.state import Controller, Input, Output, Runtime

ID = "static-pods"


class RenderConfigsStaticPodController(Controller):
    """Admission, audit, authentication, authorization, scheduler -> /system/config/kubernetes/…, ConfigStatus."""

    name = "k8s.RenderConfigsStaticPodController"
    inputs = (
        Input(AdmissionControlConfigSpec, id="admission-control"),
        Input(AuditPolicyConfigSpec, id="audit-policy"),
        Input(AuthenticationConfigSpec, id="authentication-config"),
        Input(AuthorizationConfigSpec, id="authorization"),
        Input(SchedulerConfigSpec, id=FINAL_ID),
    )
    outputs = (Output(ConfigStatusSpec),)

    def __init__(self) -> None:
        self._versions = Versions("configs")

    async def reconcile(self, rt: Runtime) -> None:
        admission = await rt.get_or_none(AdmissionControlConfigSpec, "admission-control")
        audit = await rt.get_or_none(AuditPolicyConfigSpec, "audit-policy")
        authentication = await rt.get_or_none(AuthenticationConfigSpec, "authentication-config")
        authorizers = await rt.get_or_none(AuthorizationConfigSpec, "authorization")
        scheduler = await rt.get_or_none(SchedulerConfigSpec, FINAL_ID)
        if admission is None or audit is None or authorizers is None or scheduler is None:
            if admission is None:
                await rt.keep_only(ConfigStatusSpec, ())
            return
        plugins = [(p.name, p.configuration) for p in admission.spec.config]
        entries = [(a.type, a.name, a.webhook) for a in authorizers.spec.config]
        api_server = {
            "admission-control-config.yaml": admission_control(plugins),
            "auditpolicy.yaml": dump(audit.spec.config),
            "authorization-config.yaml": authorization(entries),
        }
        if authentication is not None:
            api_server["authentication-config.yaml"] = dump(authentication.spec.config)
        rendered = [
            api_server_config({name: text.encode() for name, text in api_server.items()}),
            scheduler_config_files({"scheduler-config.yaml": dump(scheduler.spec.config).encode()}),
        ]
        for directory in rendered:
            write_directory(rt.env.path(directory.path), directory.files, uid=directory.uid)
        version = self._versions.number(rt.env, [sorted(d.files.items()) for d in rendered])
        await rt.modify(ConfigStatusSpec, ID, lambda _: ConfigStatusSpec(ready=True, version=version))
