"""Both layouts give the same answers."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from talos.config import Config
from talos.config.generate import Input, RegistryMirror
from talos.config.patch import apply_patches
from talos.config.secrets import Bundle
from talos.config.view.model import DHCP, Address, MachineType, Mirror, Route

HEAD = "apiVersion: v1alpha1\n"


@cache
def made(version: str, machine_type: MachineType) -> Config:
    return Input(
        cluster_name="t",
        endpoint="https://10.0.0.1:6443",
        secrets=bundle(),
        talos_version=version,
        additional_sans=("a.example", "10.0.0.9"),
        dns_domain="t.local",
        registry_mirrors=(RegistryMirror("docker.io", ("http://m:5000",)),),
    ).config(machine_type)


@cache
def bundle() -> Bundle:
    return Bundle.generate()


def read_back(config: Config) -> Config:
    return Config.decode(config.encode())


SAME: dict[str, tuple[str, ...]] = {
    "machine": ("type", "is_control_plane", "token", "ca", "cert_sans", "sysctls", "env", "disk_quota", "debug"),
    "cluster": (
        "name", "endpoint", "endpoint_host", "endpoint_port", "id", "secret", "bootstrap_token", "dns_domain",
        "pod_cidrs", "service_cidrs", "dns_service_ips", "api_server_service_ips", "kube_prism", "etcd",
        "node_cidr_mask_size_ipv4",
        "inline_manifests", "external_manifests", "admin_kubeconfig_lifetime_s",
    ),
    "network": ("hostname", "links", "dhcp", "resolvers", "static_hosts", "time"),
    "registries": ("mirrors", "auth", "tls"),
    "kubelet": ("spec", "static_pods"),
}  # fmt: skip
SAME_CONTROL_PLANE: dict[str, tuple[str, ...]] = {
    "cluster": ("cni",),
    "kubernetes": (
        "ca", "aggregator_ca", "service_account", "controller_manager.image", "scheduler", "core_dns", "audit_policy",
        "admission_plugins", "api_server.image", "api_server.port", "api_server.cert_sans",
        "proxy.image", "proxy.mode", "proxy.enabled",
    ),
    "kubelet": ("node",),
}  # fmt: skip


def ask(config: Config, path: str) -> Any:
    value: Any = config
    for part in path.split("."):
        value = getattr(value, part)
    # The API server's CA roots are written out in neither layout; volumes are compared on their own.
    return value


@pytest.mark.parametrize("machine_type", list(MachineType))
def test_layouts_agree(machine_type: MachineType) -> None:
    new, old = read_back(made("v1.14", machine_type)), read_back(made("v1.13", machine_type))
    assert not new.cluster.legacy
    assert old.cluster.legacy
    tables = [SAME] + ([SAME_CONTROL_PLANE] if machine_type is MachineType.CONTROL_PLANE else [])
    for table in tables:
        for view, names in table.items():
            for name in names:
                path = f"{view}.{name}"
                left, right = ask(new, path), ask(old, path)
                if path == "kubernetes.scheduler":
                    assert left.image == right.image
                    continue
                assert left == right, path


def test_what_a_control_plane_runs() -> None:
    config = made("v1.14", MachineType.CONTROL_PLANE)
    assert config.kubernetes.api_server is not None
    assert config.kubernetes.api_server.use_authentication_config
    assert [a.type for a in config.kubernetes.authorizers] == ["Node", "RBAC"]
    assert config.kubernetes.proxy is not None and config.kubernetes.proxy.use_config_file
    assert config.kubelet.node.taints == {"node-role.kubernetes.io/control-plane": "NoSchedule"}
    assert config.cluster.etcd.ca is not None
    assert config.kubernetes.etcd_encryption is not None


def test_what_a_worker_runs() -> None:
    config = made("v1.14", MachineType.WORKER)
    kubernetes = config.kubernetes
    assert (kubernetes.api_server, kubernetes.controller_manager, kubernetes.scheduler, kubernetes.proxy) == (None,) * 4
    assert kubernetes.ca.issuing is None
    assert kubernetes.ca.bundle == bundle().certs.k8s.crt
    assert config.machine.ca.issuing is not None and config.machine.ca.issuing.key == b""
    assert config.kubelet.node.labels == {}
    assert config.cluster.cni.name == "none"


def test_legacy_defaults_of_an_almost_empty_configuration() -> None:
    text = "version: v1alpha1\nmachine: {type: controlplane}\ncluster: {controlPlane: {endpoint: https://c}}\n"
    config = Config.decode(text)
    assert config.cluster.cni.flannel is not None and config.cluster.cni.flannel.backend_port == 4789
    assert config.kubernetes.api_server is not None
    assert config.kubernetes.api_server.image.startswith("registry.k8s.io/kube-apiserver:v")
    assert config.kubernetes.api_server.inject_default_authorizers
    assert not config.kubernetes.api_server.startup_probes
    assert config.kubernetes.proxy is not None and not config.kubernetes.proxy.use_config_file
    assert config.kubernetes.core_dns is not None and config.kubernetes.core_dns.enabled
    assert config.cluster.pod_cidrs == ("10.244.0.0/16",)
    assert config.kubelet.node.labels == {"node-role.kubernetes.io/control-plane": ""}
    assert config.network.hostname.auto == "talos-addr"
    assert config.network.default_dhcp
    allowed = apply_patches(config, ["cluster: {allowSchedulingOnControlPlanes: true}"])
    assert allowed.kubelet.node.taints == {}


def test_links_of_both_layouts() -> None:
    legacy = Config.decode("""\
version: v1alpha1
machine:
    network:
        interfaces:
            - interface: eth0
              addresses: [10.0.0.2/24]
              mtu: 9000
              routes: [{network: 0.0.0.0/0, gateway: 10.0.0.1, metric: 5}]
              vlans: [{vlanId: 7, addresses: [10.7.0.2/24], dhcp: true}]
            - interface: eth1
              dhcp: true
              dhcpOptions: {routeMetric: 9}
            - interface: eth2
              ignore: true
            - deviceSelector: {driver: virtio_net}
            - interface: br0
              bridge: {interfaces: [eth5], stp: {enabled: true}}
""").network
    new = Config.decode(f"""\
{HEAD}kind: LinkConfig
name: eth0
mtu: 9000
addresses: [{{address: 10.0.0.2/24}}]
routes: [{{destination: 0.0.0.0/0, gateway: 10.0.0.1, metric: 5}}]
---
{HEAD}kind: VLANConfig
name: eth0.7
parent: eth0
vlanID: 7
addresses: [{{address: 10.7.0.2/24}}]
---
{HEAD}kind: DHCPv4Config
name: eth0.7
---
{HEAD}kind: DHCPv4Config
name: eth1
routeMetric: 9
---
{HEAD}kind: BridgeConfig
name: br0
links: [eth5]
stp: {{enabled: true}}
""").network
    assert [link.name for link in legacy.links] == ["eth0", "eth0.7", "eth1", "", "br0"]
    by_name = {link.name: link for link in legacy.links}
    assert all(by_name[link.name] == link for link in new.links)
    assert by_name["eth0"].addresses == (Address("10.0.0.2/24"),)
    assert by_name["eth0"].routes == (Route("0.0.0.0/0", "10.0.0.1", metric=5),)
    assert by_name[""].selector == {"driver": "virtio_net"}
    assert legacy.ignored_links == ("eth2",)
    assert legacy.dhcp == (DHCP("eth0.7", 4), DHCP("eth1", 4, 9)) == new.dhcp


def test_registries_of_both_layouts() -> None:
    legacy = Config.decode("""\
version: v1alpha1
machine:
    registries:
        mirrors: {docker.io: {endpoints: [http://m], skipFallback: true}}
        config: {r.example: {auth: {username: u, password: p}, tls: {insecureSkipVerify: true}}}
""").registries
    new = Config.decode(f"""\
{HEAD}kind: RegistryMirrorConfig
name: docker.io
endpoints: [{{url: http://m}}]
skipFallback: true
---
{HEAD}kind: RegistryAuthConfig
name: r.example
username: u
password: p
---
{HEAD}kind: RegistryTLSConfig
name: r.example
insecureSkipVerify: true
""").registries
    assert legacy.mirrors == new.mirrors == {"docker.io": Mirror((("http://m", False),), True)}
    assert legacy.auth == new.auth
    assert legacy.tls == new.tls


def test_a_fragment_answers_too() -> None:
    config = Config.decode(f"{HEAD}kind: SysctlConfig\nparams: {{a.b: '1'}}\n")
    assert not config.machine.configured
    assert config.machine.sysctls == {"a.b": "1"}
    assert config.machine.type is MachineType.WORKER
    assert config.kubelet.spec is None
    assert config.cluster.endpoint == ""


def test_views_never_fail_on_any_generated_configuration() -> None:
    for version in ("v1.13", "v1.14"):
        for machine_type in MachineType:
            config = made(version, machine_type)
            for name in ("machine", "cluster", "kubernetes", "kubelet", "network", "registries"):
                view = getattr(config, name)
                for attribute in (a for a in dir(type(view)) if not a.startswith("_")):
                    getattr(view, attribute)


def test_volumes_of_a_cache_of_images() -> None:
    """Sizes of which nothing is said are Talos' own; nothing is wanted where the cache is not turned on."""
    head = "apiVersion: v1alpha1\nkind: "
    on = f"{head}ImageCacheConfig\nlocal: {{enabled: true}}\n"
    volume = f"---\n{head}VolumeConfig\nname: IMAGECACHE\nprovisioning: {{minSize: 3GiB}}\n"
    assert Config.decode(on.replace("true", "false") + volume).machine.image_cache_volumes == ()
    for text, asked, sizes in ((on, False, (500 << 20, 1 << 30)), (on + volume, True, (3 << 30, 3 << 30))):
        machine = Config.decode(text).machine
        partition, medium = machine.image_cache_volumes
        assert machine.has_image_cache_volume is asked
        place = partition.provisioning
        assert (place.selector, place.min_size, place.max_size) == ("system_disk", *sizes)
        assert medium.read_only and "TALOS" in medium.match
