"""containerd's configuration: the daemon's file and the CRI plugin's, which it imports.

Points that are ours: images of the root are known without unpacking (components/node/preload); where nothing may lower
an oom_score_adj, containerd is told so.
"""

from __future__ import annotations

import posixpath
import tomllib
from typing import TYPE_CHECKING, Any

from talos import versions
from talos.config.cri.cri_customization_config import CRICustomizationConfig
from talos.controllers import machine_config
from talos.controllers.publish import always
from talos.controllers.toml import dump
from talos.resources.cri import RegistriesConfigSpec
from talos.resources.files import EtcFileSpecSpec
from talos.state.controller import SHARED, Controller, Input, Output
from talos.state.runtime import Runtime

if TYPE_CHECKING:
    from talos.config import Config

CUSTOMIZATION = "/etc/cri/conf.d/20-customization.part"
DAEMON_FILE = "cri/containerd.toml"
CRI_FILE = "cri/conf.d/cri.toml"
DOCKER_HUB = "registry-1.docker.io"
HOSTS_FOLDER = "cri/conf.d/hosts"
LABEL = "system_u:object_r:etc_t:s0"
IMAGES = "io.containerd.cri.v1.images"
RUNTIME = "io.containerd.cri.v1.runtime"


def daemon_config() -> dict[str, Any]:
    """/etc/cri/containerd.toml."""
    return {
        "version": 3,
        "root": "/var/lib/containerd",
        "state": "/run/containerd",
        "disabled_plugins": [
            "io.containerd.internal.v1.tracing",
            "io.containerd.nri.v1.nri",
            "io.containerd.tracing.processor.v1.otlp",
            "io.containerd.ttrpc.v1.otelttrpc",
        ],
        "imports": [f"/etc/{CRI_FILE}"],
        "debug": {"level": "info", "format": "json"},
    }


def cri_config(auths: dict[str, dict[str, Any]], *, restrict_oom_score_adj: bool) -> dict[str, Any]:
    """/etc/cri/conf.d/cri.toml."""
    registry: dict[str, Any] = {"config_path": f"/etc/{HOSTS_FOLDER}"}
    if auths:
        # docker.io is a name that images have, not a host that anybody asks.
        hub = {DOCKER_HUB: auths["docker.io"]} if "docker.io" in auths else {}
        registry["configs"] = {host: {"auth": auth} for host, auth in {**hub, **auths}.items()}
    return {
        "version": 3,
        "plugins": {
            IMAGES: {
                "discard_unpacked_layers": True,
                "use_local_image_pull": True,
                "snapshotter": "overlayfs",
                "pinned_images": {"sandbox": f"registry.k8s.io/pause:{versions.PAUSE_VERSION}"},
                "registry": registry,
            },
            RUNTIME: {
                "cdi_spec_dirs": ["/run/cdi"],
                "restrict_oom_score_adj": restrict_oom_score_adj,
                "cni": {"bin_dirs": ["/opt/cni/bin"], "conf_dir": "/etc/cni/net.d"},
                "containerd": {
                    "default_runtime_name": "runc",
                    "runtimes": {
                        "runc": {
                            "runtime_type": "io.containerd.runc.v2",
                            "base_runtime_spec": "/etc/cri/conf.d/base-spec.json",
                            "options": {
                                "BinaryName": "/usr/bin/runc",
                                "ShimCgroup": "/podruntime/shim",
                                "SystemdCgroup": False,
                            },
                        }
                    },
                },
            },
        },
    }


def merged(base: dict[str, Any], more: dict[str, Any]) -> dict[str, Any]:
    """Both tables; where both have a value, that of `more`."""
    result = dict(base)
    for key, value in more.items():
        known = result.get(key)
        result[key] = merged(known, value) if isinstance(known, dict) and isinstance(value, dict) else value
    return result


def customization(config: Config) -> dict[str, Any]:
    """What CRICustomizationConfig documents, by name, and the legacy entry of machine.files add to the CRI plugin's
    configuration; {} for nothing. tomllib.TOMLDecodeError; it is checked when a configuration is applied."""
    documents = sorted(config.get_all(CRICustomizationConfig), key=lambda document: document.name)
    texts = [file.content for file in config.machine.files if posixpath.normpath(file.path) == CUSTOMIZATION]
    result: dict[str, Any] = {}
    for text in (*texts, *(document.content for document in documents)):
        result = merged(result, tomllib.loads(text))
    return result


def hosts_files(spec: RegistriesConfigSpec) -> dict[str, str]:
    """hosts.toml of each registry (containerd, docs/hosts.md), by path below /etc; TLS files beside it."""
    files: dict[str, str] = {}
    for host in sorted({*spec.mirrors, *spec.tls}):
        folder = f"{HOSTS_FOLDER}/{_folder(host)}"
        tls = _tls(spec, host, folder, files)
        mirror = spec.mirrors.get(host)
        endpoints = mirror.endpoints if mirror is not None else []
        skip_fallback = mirror is not None and mirror.skip_fallback
        document: dict[str, Any] = {}
        origin = f"https://{DOCKER_HUB}" if host == "docker.io" else f"https://{host}"
        if skip_fallback and endpoints:
            document["server"] = _url(endpoints[-1].endpoint, endpoints[-1].override_path)
            endpoints = endpoints[:-1] if len(endpoints) > 1 else []
        elif host != "_default" and host != "*":
            document["server"] = origin
        if "server" in document:
            document |= {"capabilities": ["pull", "resolve"]}
            document |= tls
        hosts: dict[str, Any] = {}
        for endpoint in endpoints:
            entry: dict[str, Any] = {"capabilities": ["pull", "resolve"], **_tls_of(spec, endpoint.endpoint, files)}
            if endpoint.override_path:
                entry["override_path"] = True
            hosts[_url(endpoint.endpoint, endpoint.override_path)] = entry
        if hosts:
            document["host"] = hosts
        files[f"{folder}/hosts.toml"] = dump(document)
    return files


def _folder(host: str) -> str:
    if host == "*":
        return "_default"
    name, colon, port = host.rpartition(":")
    return f"{name}_{port}_" if colon and port.isdigit() else host


def _url(endpoint: str, override_path: bool) -> str:
    return endpoint if override_path or endpoint.rstrip("/").endswith("/v2") else endpoint.rstrip("/")


def _tls_of(spec: RegistriesConfigSpec, endpoint: str, files: dict[str, str]) -> dict[str, Any]:
    host = endpoint.partition("://")[2].partition("/")[0]
    return _tls(spec, host, f"{HOSTS_FOLDER}/{_folder(host)}", files)


def _tls(spec: RegistriesConfigSpec, host: str, folder: str, files: dict[str, str]) -> dict[str, Any]:
    tls = spec.tls.get(host)
    if tls is None:
        return {}
    result: dict[str, Any] = {}
    if tls.ca:
        files[f"{folder}/{host}-ca.crt"] = tls.ca
        result["ca"] = f"/etc/{folder}/{host}-ca.crt"
    if tls.client_identity is not None:
        files[f"{folder}/{host}-client.crt"] = tls.client_identity.crt
        files[f"{folder}/{host}-client.key"] = tls.client_identity.key
        result["client"] = [[f"/etc/{folder}/{host}-client.crt", f"/etc/{folder}/{host}-client.key"]]
    if tls.insecure_skip_verify:
        result["skip_verify"] = True
    return result


class CRIConfigController(Controller):
    """RegistryConfigs → containerd's files."""

    name = "files.CRIConfigController"
    inputs = (Input(RegistriesConfigSpec, id="registries"), machine_config.ACTIVE_CONFIG)
    outputs = (Output(EtcFileSpecSpec, SHARED),)

    async def reconcile(self, rt: Runtime) -> None:
        registries = await rt.get_or_none(RegistriesConfigSpec, "registries")
        if registries is None:
            return  # cri.RegistriesConfigController writes one in any case; without it the files would change again
        spec = registries.spec
        auths = {
            host: {
                key: value
                for key, value in (
                    ("username", auth.username),
                    ("password", auth.password),
                    ("auth", auth.auth),
                    ("identitytoken", auth.identity_token),
                )
                if value
            }
            for host, auth in spec.auths.items()
        }
        files = hosts_files(spec)
        machine = await machine_config.active(rt)
        extra = customization(machine) if machine is not None else {}
        generated = cri_config(auths, restrict_oom_score_adj=rt.env.lacks_sys_resource)
        files[CRI_FILE] = dump(merged(generated, extra))
        files[DAEMON_FILE] = dump(daemon_config())
        for name, text in files.items():
            file = EtcFileSpecSpec(contents=text, mode=0o600, selinux_label=LABEL)
            await rt.modify(EtcFileSpecSpec, name, always(file))
        await rt.keep_only(EtcFileSpecSpec, files)
