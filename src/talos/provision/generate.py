"""Generates the configurations described in configs.py. Apart from it, so that importing options costs no YAML."""

from __future__ import annotations

import msgspec

from talos.config.errors import ConfigError
from talos.config.generate import Input
from talos.config.generate.input import POD_SUBNETS, SERVICE_SUBNETS, RegistryMirror
from talos.config.k8s.kube_node_config import KubeNodeConfig
from talos.config.patch import apply_patches
from talos.config.secrets import Bundle
from talos.config.validate import validate
from talos.config.view.model import MachineType
from talos.provision import log_receiver, qemu, wireguard
from talos.provision.configs import DEBUG_PATCH, ConfigOptions, GeneratedConfigs, json_logs_patch, local_patch
from talos.provision.flag_documents import documents
from talos.provision.model import CONTROL_PLANE, WORKER, ClusterModel, ProvisionError

INIT = "init"
DISK_OF_CONTAINERS = "/dev/sda"
"""what `gen config` names as well; an installer image stands beside a disk, and a container looks at neither"""


def generate(model: ClusterModel, options: ConfigOptions) -> GeneratedConfigs:
    """Fresh secrets and a configuration per role, or per node of a mesh. ProvisionError names document and field."""
    addresses = tuple(node.address for node in model.control_planes)
    # The API is reached from the host by the published ports as well as by address. Each node adds its own addresses;
    # those of another node must not stand in its certificate: apid takes what stands there for itself and would not
    # forward to that node.
    sans = ("127.0.0.1", "localhost") if model.ports else ()
    if model.ports and 6 in model.families:
        sans = (*sans, "::1")
    try:
        source = Input(
            cluster_name=model.name,
            endpoint=model.endpoint,
            secrets=Bundle.generate(kubernetes=options.kubernetes),
            kubernetes=options.kubernetes,
            dns_domain=options.dns_domain,
            pod_subnets=tuple(POD_SUBNETS[family] for family in model.families),
            service_subnets=tuple(SERVICE_SUBNETS[family] for family in model.families),
            additional_sans=sans,
            registry_mirrors=_mirrors(options.registry_mirrors),
            talosconfig_endpoints=addresses,
            install_disk=qemu.DRIVERS[model.disk_driver(0)][1] if model.machines else "",
        )
        changes = {}
        if options.install_image:
            changes["install_image"] = options.install_image
            if not model.machines:
                changes["install_disk"] = DISK_OF_CONTAINERS
        if model.kubernetes_version:
            changes["kubernetes_version"] = model.kubernetes_version
        if options.talos_version:
            changes["talos_version"] = options.talos_version
        if changes:
            source = msgspec.structs.replace(source, **changes)
        by_role: dict[str, str] = {}
        by_node: dict[str, str] = {}
        meshed = wireguard.documents(model, options.wireguard) if options.wireguard else {}
        for key, role, machine_type, patches in (
            (CONTROL_PLANE, CONTROL_PLANE, MachineType.CONTROL_PLANE, options.control_plane_patches),
            (WORKER, WORKER, MachineType.WORKER, options.worker_patches),
            *(((INIT, CONTROL_PLANE, MachineType.CONTROL_PLANE, options.control_plane_patches),) * options.init_node),
        ):
            config = source.config(machine_type, init=key == INIT)
            # Apart, so that a fault is counted among the person's own patches.
            time_server = model.gateway if model.bad_rtc else ""
            config = apply_patches(config, [local_patch(options.nameservers or (model.gateway,), time_server)])
            if options.json_logs:
                config = apply_patches(config, [json_logs_patch(log_receiver.url(model))])
            if options.debug:
                config = apply_patches(config, [DEBUG_PATCH])
            if flags := documents(model, options, role):
                config = apply_patches(config, [flags])
            variants = {"": config}  # of a mesh there is one for each node, and none that is only the role's
            if meshed:
                if options.kubernetes:
                    known_by = wireguard.known_by(model, role, older=config.get(KubeNodeConfig) is None)
                    config = apply_patches(config, [known_by])
                variants = {node.name: apply_patches(config, [meshed[node.name]]) for node in model.nodes
                            if key == (INIT if options.init_node and node.index == 1 else node.role)}  # fmt: skip
            for name, one in variants.items():
                for flag, texts in (("--config-patch", options.patches), (f"--config-patch-{role}s", patches)):
                    try:
                        one = apply_patches(one, list(texts))
                    except ConfigError as error:
                        raise ProvisionError(f"{flag}: {error}") from error
                validate(one, "cloud" if model.machines else "container")
                if name:
                    by_node[name] = one.encode()
                else:
                    by_role[key] = one.encode()
        return GeneratedConfigs(by_role, source.talosconfig(), by_role.pop(INIT, ""), by_node)
    except ConfigError as error:
        raise ProvisionError(f"configuration: {error}") from error


def _mirrors(texts: tuple[str, ...]) -> tuple[RegistryMirror, ...]:
    """`registry=endpoint` as given with --registry-mirror, several endpoints of one registry in order."""
    found: dict[str, list[str]] = {}
    for text in texts:
        registry, equals, endpoint = text.partition("=")
        if not equals or not registry or not endpoint:
            raise ProvisionError(
                f"--registry-mirror {text!r}: give REGISTRY=URL, for example docker.io=http://10.5.0.1:5000"
            )
        found.setdefault(registry, []).append(endpoint)
    return tuple(RegistryMirror(registry, tuple(endpoints)) for registry, endpoints in found.items())
