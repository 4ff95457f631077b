"""What the views answer with: plain values, no trace of which document layout they came from.

Everything here is immutable and comparable, so a controller can compare the answer before and after a configuration
change and do nothing when it is equal. Free mappings (``dict[str, Any]``) are JSON-like and must not be changed by the
reader.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import msgspec

from talos.config.view.wireguard import Wireguard


class MachineType(StrEnum):
    """Role of the machine in the cluster (``machine.type``)."""

    CONTROL_PLANE = "controlplane"
    WORKER = "worker"


class _Value(msgspec.Struct, frozen=True):
    """Base of all answers."""


class CertificateAndKey(_Value, frozen=True):
    """PEM encoded certificate and private key; either may be empty (workers have no CA key)."""

    crt: bytes = b""
    key: bytes = b""


class Authority(_Value, frozen=True):
    """An issuing CA (with its key only on control plane nodes) and further CAs that are trusted."""

    issuing: CertificateAndKey | None = None
    accepted: tuple[bytes, ...] = ()

    @property
    def bundle(self) -> bytes:
        """Every trusted certificate as one PEM bundle, the issuing CA first."""
        certificates = [self.issuing.crt] if self.issuing and self.issuing.crt else []
        certificates += [c for c in self.accepted if c not in certificates]
        return b"".join(c if c.endswith(b"\n") else c + b"\n" for c in certificates)


class Volume(_Value, frozen=True):
    """A host directory mounted into a static pod."""

    host_path: str
    mount_path: str
    read_only: bool = False


class Resources(_Value, frozen=True):
    """Kubernetes resource requests and limits as written (``{"cpu": "100m"}``)."""

    requests: dict[str, Any] = {}
    limits: dict[str, Any] = {}


class APIServer(_Value, frozen=True):
    """kube-apiserver. ``port`` is the local port; ``extra_args`` values are one string or several."""

    image: str
    port: int = 6443
    extra_args: dict[str, str | list[str]] = {}
    env: dict[str, str] = {}
    extra_volumes: tuple[Volume, ...] = ()
    resources: Resources = Resources()
    cert_sans: tuple[str, ...] = ()
    startup_probes: bool = True
    inject_default_authorizers: bool = False
    use_authentication_config: bool = True


class ControllerManager(_Value, frozen=True):
    """kube-controller-manager."""

    image: str
    enabled: bool = True
    extra_args: dict[str, str | list[str]] = {}
    env: dict[str, str] = {}
    extra_volumes: tuple[Volume, ...] = ()
    resources: Resources = Resources()


class Scheduler(_Value, frozen=True):
    """kube-scheduler; ``config`` is merged into its KubeSchedulerConfiguration."""

    image: str
    enabled: bool = True
    extra_args: dict[str, str | list[str]] = {}
    env: dict[str, str] = {}
    extra_volumes: tuple[Volume, ...] = ()
    resources: Resources = Resources()
    config: dict[str, Any] = {}


class Proxy(_Value, frozen=True):
    """kube-proxy. ``use_config_file``: options go into a KubeProxyConfiguration instead of flags."""

    image: str
    enabled: bool = True
    mode: str = "nftables"
    extra_args: dict[str, str | list[str]] = {}
    resources: Resources = Resources()
    config: dict[str, Any] = {}
    use_config_file: bool = True


class CoreDNS(_Value, frozen=True):
    """CoreDNS deployment."""

    image: str
    enabled: bool = True


class Flannel(_Value, frozen=True):
    """flannel; ``backend_mtu`` 0 = detect."""

    backend_type: str = "vxlan"
    backend_port: int = 4789
    backend_mtu: int = 0
    backend_extra_config: dict[str, Any] = {}
    resources: Resources = Resources()
    extra_args: tuple[str, ...] = ()
    kube_network_policies: bool = False


class CNI(_Value, frozen=True):
    """``name``: flannel, custom (``urls`` of its manifests) or none."""

    name: str = "flannel"
    urls: tuple[str, ...] = ()
    flannel: Flannel | None = None


class AdmissionPlugin(_Value, frozen=True):
    """An admission plugin of kube-apiserver and its configuration."""

    name: str
    configuration: dict[str, Any] = {}


class Authorizer(_Value, frozen=True):
    """An entry of the structured AuthorizationConfiguration (KEP-3221)."""

    name: str
    type: str
    webhook: dict[str, Any] = {}


class ServiceAccount(_Value, frozen=True):
    """Service account token issuer: PEM private key, issuer URL, and what else is accepted."""

    private_key: bytes
    issuer_url: str
    accepted_public_keys: tuple[bytes, ...] = ()
    accepted_issuers: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()


class Kubelet(_Value, frozen=True):
    """kubelet. ``extra_config`` is merged into its KubeletConfiguration."""

    image: str
    cluster_dns: tuple[str, ...] = ()
    extra_args: dict[str, str | list[str]] = {}
    extra_mounts: tuple[dict[str, Any], ...] = ()
    extra_config: dict[str, Any] = {}
    seccomp_default: bool = False
    disable_manifests_directory: bool = True
    credential_provider_config: dict[str, Any] = {}


class KubernetesNode(_Value, frozen=True):
    """Registration of this machine as a Kubernetes node. ``taints``: key -> ``value:Effect`` or ``Effect``."""

    skip_registration: bool = False
    register_with_fqdn: bool = False
    valid_subnets: tuple[str, ...] = ()
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    taints: dict[str, str] = {}


class Etcd(_Value, frozen=True):
    """etcd member. Subnets with a leading ``!`` exclude; ``ca`` is present on control plane nodes only."""

    image: str
    ca: CertificateAndKey | None = None
    extra_args: dict[str, str | list[str]] = {}
    advertised_subnets: tuple[str, ...] = ()
    listen_subnets: tuple[str, ...] = ()


class KubePrism(_Value, frozen=True):
    """Local load balancer for kube-apiserver on 127.0.0.1."""

    enabled: bool
    port: int = 7445
    tls_server_name: str = ""


class InlineManifest(_Value, frozen=True):
    """Manifest text applied at bootstrap."""

    name: str
    contents: str


class ExternalManifest(_Value, frozen=True):
    """Manifest fetched from a URL and applied at bootstrap."""

    name: str
    url: str
    headers: dict[str, str] = {}


class DiscoveryService(_Value, frozen=True):
    """A discovery service endpoint."""

    name: str
    endpoint: str


class Discovery(_Value, frozen=True):
    """Registries where members of the cluster find each other."""

    enabled: bool = False
    kubernetes_registry: bool = False
    services: tuple[DiscoveryService, ...] = ()


class TalosAPIAccess(_Value, frozen=True):
    """Talos API from inside Kubernetes."""

    enabled: bool = False
    allowed_roles: tuple[str, ...] = ()
    allowed_namespaces: tuple[str, ...] = ()


class KernelModule(_Value, frozen=True):
    """A kernel module to load with its parameters."""

    name: str
    parameters: tuple[str, ...] = ()


class LogDestination(_Value, frozen=True):
    """Where the logs of services are sent: a tcp:// or udp:// URL, and what every line says besides."""

    url: str
    tags: tuple[tuple[str, str], ...] = ()
    format: str = ""


class Install(_Value, frozen=True):
    """Installation to disk: ``disk`` is a path, ``selector`` a CEL expression (one of them is empty)."""

    image: str = ""
    disk: str = ""
    selector: str = ""
    fields: Any = None
    """InstallDiskSelector of the older layout"""
    wipe: bool = False
    extra_kernel_args: tuple[str, ...] = ()
    reboot: bool = True
    """into the installed system; else somebody does it"""


class EncryptionKey(_Value, frozen=True):
    """What fills one key slot. kind: static, nodeID, kms or tpm. It prints without its passphrase."""

    slot: int
    kind: str
    passphrase: str = ""
    lock_to_state: bool = False
    registers: tuple[int, ...] = ()
    """of a TPM, which have to be as they were; none: the node's choice"""
    check_secure_boot: bool = False
    """seal to a TPM under Secure Boot only"""
    endpoint: str = ""
    """of the server that keeps a key of kind kms"""

    def __repr__(self) -> str:
        return f"EncryptionKey(slot={self.slot}, kind={self.kind!r})"


class Encryption(_Value, frozen=True):
    """How a volume is encrypted; 0 and "" leave it to the node. key_size in bits, block_size in bytes."""

    keys: tuple[EncryptionKey, ...] = ()
    provider: str = ""
    cipher: str = ""
    key_size: int = 0
    block_size: int = 0
    options: tuple[str, ...] = ()
    allow_discards: bool = False


class Provisioning(_Value, frozen=True):
    """Where a volume is made and how large it becomes; sizes in bytes, 0 and "" leave it to the node."""

    selector: str = ""
    """CEL expression of the disk"""
    min_size: int = 0
    max_size: int = 0
    max_percent: int = 0
    """the same, as a part of the disk"""
    negative: bool = False
    """max_size or max_percent is what stays free"""
    grow: bool | None = None
    """with its disk, after it was made; None leaves it to the kind of volume"""


class SystemVolume(_Value, frozen=True):
    """What a configuration says of one of the system's volumes beside its encryption."""

    provisioning: Provisioning = Provisioning()
    secure: bool = True
    """no set-uid programs, no device nodes"""
    disable_access_time: bool = False
    min_allocation_group_size: int = 0
    """of XFS, bytes"""


class UserVolume(_Value, frozen=True):
    """A volume of the user's, of whatever document."""

    id: str
    """with the prefix that tells kinds apart; also the label of its partition"""
    name: str
    role: str
    """user, raw, existing, swap, disk for one of machine.disks, or cache for one with a cache of images"""
    kind: str = "partition"
    """partition, disk or directory"""
    provisioning: Provisioning = Provisioning()
    match: str = ""
    """CEL expression of a volume that exists, and of which none is made"""
    filesystem: str = ""
    """that is made; "" for a volume without, and for one that exists"""
    project_quota: bool = False
    min_allocation_group_size: int = 0
    encryption: Encryption | None = None
    secure: bool = True
    disable_access_time: bool = False
    read_only: bool = False


class Mirror(_Value, frozen=True):
    """Registry mirror: endpoints in order; ``override_path`` per endpoint."""

    endpoints: tuple[tuple[str, bool], ...] = ()
    skip_fallback: bool = False


class RegistryAuth(_Value, frozen=True):
    """Credentials for one registry."""

    username: str = ""
    password: str = ""
    auth: str = ""
    identity_token: str = ""


class RegistryTLS(_Value, frozen=True):
    """TLS settings for one registry; PEM."""

    client_identity: CertificateAndKey | None = None
    ca: bytes = b""
    insecure_skip_verify: bool = False


class Hostname(_Value, frozen=True):
    """Static name, or how one is made up: off, stable (from the machine's identity) or talos-addr."""

    hostname: str = ""
    auto: str = "stable"


class Address(_Value, frozen=True):
    """Address in CIDR notation; priority None = kernel default."""

    address: str
    route_priority: int | None = None


class Route(_Value, frozen=True):
    """Empty strings: unset. ``metric`` 0 and ``mtu`` 0: default; ``table`` name or number."""

    destination: str = ""
    gateway: str = ""
    source: str = ""
    metric: int = 0
    mtu: int = 0
    table: str = ""


class DHCP(_Value, frozen=True):
    """A DHCP client on a link. ``route_metric`` 0 = default (1024)."""

    link: str
    family: int
    route_metric: int = 0
    ignore_hostname: bool = False
    ignore_routes: bool = False
    client_identifier: str = "mac"
    duid: str = ""
    selector: dict[str, Any] = {}


class Link(_Value, frozen=True):
    """What all kinds of link have in common. ``kind``: ``""`` for an existing link, else dummy, bridge, vlan, …"""

    name: str
    kind: str = ""
    up: bool = True
    mtu: int = 0
    addresses: tuple[Address, ...] = ()
    routes: tuple[Route, ...] = ()
    multicast: bool | None = None
    hardware_addr: str = ""
    parent: str = ""
    vlan_id: int = 0
    vlan_protocol: str = "802.1q"
    ports: tuple[str, ...] = ()
    stp: bool = False
    vlan_filtering: bool = False
    table: str = ""
    peer: str = ""
    bond: dict[str, Any] = {}
    wireguard: Wireguard | None = None
    selector: dict[str, Any] = {}


class FirewallRule(_Value, frozen=True):
    """Lets in one protocol. ``ports``: (first, last), none for ICMP; ``subnets``: (subnet, exception or "")."""

    name: str
    protocol: str
    ports: tuple[tuple[int, int], ...] = ()
    subnets: tuple[tuple[str, str], ...] = ()


class Firewall(_Value, frozen=True):
    """``block``: what no rule lets in is dropped; otherwise a rule's ports are open to its subnets only."""

    block: bool = False
    rules: tuple[FirewallRule, ...] = ()


class VirtualIP(_Value, frozen=True):
    """Layer 2 shared address on a link."""

    address: str
    link: str


class NameServer(_Value, frozen=True):
    """Upstream DNS server: Do53, DoT or DoH."""

    address: str
    protocol: str = "Do53"
    tls_server_name: str = ""


class Resolvers(_Value, frozen=True):
    """Upstream DNS servers and the host DNS cache."""

    nameservers: tuple[NameServer, ...] = ()
    search_domains: tuple[str, ...] = ()
    disable_search_domain: bool = False
    host_dns: bool = False
    forward_kube_dns: bool = False
    resolve_member_names: bool = False


class StaticHost(_Value, frozen=True):
    """A line of /etc/hosts."""

    address: str
    names: tuple[str, ...] = ()


class TimeSync(_Value, frozen=True):
    """Clock synchronization; nothing in ``servers`` and ``ptp_devices``: default servers. Timeout 0: none."""

    enabled: bool = True
    boot_timeout_s: float = 0.0
    servers: tuple[str, ...] = ()
    use_nts: bool = False
    ptp_devices: tuple[str, ...] = ()
