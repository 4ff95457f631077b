"""Good configurations pass in every mode; each fault is told apart and says what to do."""

from __future__ import annotations

from functools import cache

import pytest

from talos.config import Config, ConfigError
from talos.config.generate import Input
from talos.config.patch import apply_patches
from talos.config.secrets import Bundle
from talos.config.validate import MODES, deprecations, validate, warnings
from talos.config.view.model import MachineType

HEAD = "apiVersion: v1alpha1\n"


@cache
def bundle() -> Bundle:
    return Bundle.generate()


@cache
def base(machine_type: MachineType = MachineType.CONTROL_PLANE, version: str = "v1.14") -> Config:
    given = Input(cluster_name="t", endpoint="https://10.0.0.1:6443", secrets=bundle(), talos_version=version)
    return given.config(machine_type)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("version", ["v1.13", "v1.14"])
@pytest.mark.parametrize("machine_type", list(MachineType))
def test_generated_configurations_are_valid(mode: str, version: str, machine_type: MachineType) -> None:
    advice = validate(base(machine_type, version), mode, strict=True)
    if version == "v1.14":
        assert advice == []
    else:
        assert [a.partition(" (now")[0] for a in advice] == [
            "v1alpha1: deprecated keys, carried out as before: machine.kubelet"
        ]


def doc(kind: str, body: str) -> str:
    return f"{HEAD}kind: {kind}\n{body}"


def encrypted(keys: str) -> str:
    return doc("VolumeConfig", f"name: STATE\nencryption: {{provider: luks2, {keys}}}")


def eth0(keys: str) -> str:
    """A patch of a legacy device."""
    return f"machine: {{network: {{interfaces: [{{interface: eth0, {keys}}}]}}}}"


DISK = "provisioning: {diskSelector: {match: '!system_disk'}, minSize: 1GB, maxSize: 80%}"
BAD: list[tuple[str, str]] = [
    # the whole
    ("machine: {type: server}", "machine.type is 'server', must be controlplane or worker"),
    ("machine: {ca: {$patch: delete}}", "an authority is required: set machine.ca, or machine.acceptedCAs"),
    (doc("KubeEtcdEncryptionConfig", "$patch: delete"), "KubeEtcdEncryptionConfig is required on control plane"),
    (doc("ResolverConfig", "$patch: delete"), "hostDNS.enabled must be true in container mode"),
    (doc("KubeAPIServerConfig", "image: registry.k8s.io/kube-apiserver:v1.99.0"), "Kubernetes v1.99.0 is too new"),
    (doc("KubeletConfig", "image: x/kubelet:v1.20.1"), "Kubernetes v1.20.1 is too old"),
    # both layouts
    ("cluster: {controlPlane: {endpoint: https://x}}", "KubeClusterConfig and the legacy cluster.controlPlane"),
    ("machine: {network: {hostname: x}}", "HostnameConfig and the legacy machine.network.hostname"),
    ("machine: {features: {hostDNS: {enabled: true}}}", "ResolverConfig and the legacy machine.features.hostDNS"),
    ("machine: {features: {kubePrism: {enabled: true}}}", "KubePrismConfig and the legacy machine.features.kubePrism"),
    ("cluster: {network: {podSubnets: [10.1.0.0/16]}}", "KubeNetworkConfig and the legacy cluster.network"),
    ("machine: {kubelet: {}}", "KubeletConfig and the legacy machine.kubelet"),
    # legacy sections
    ("machine: {network: {interfaces: [{mtu: 9000}]}}", "interfaces[0] needs interface or deviceSelector"),
    ("machine: {network: {interfaces: [{interface: e, deviceSelector: {}}]}}", "exclude each other"),
    ("machine: {network: {interfaces: [{interface: e, addresses: [x]}]}}", "'x' is no address"),
    ("machine: {nodeTaints: {a: Never}}", "machine.nodeTaints.a is 'Never'"),
    # documents, by kind
    (doc("KubeNetworkConfig", "podSubnets: [10.1.0.0/16, 10.2.0.0/16]"), "podSubnets has two subnets"),
    (doc("KubeNetworkConfig", "podSubnets: [10.1.0.0/25]"), "cannot be cut into node subnets of /24"),
    (doc("KubeNetworkConfig", "podSubnets: [10.0.0.0/7]"), "cannot be cut into node subnets of /24"),
    (doc("KubeNetworkConfig", "serviceSubnets: [10.0.0.0/8]"), "use /12 or longer"),
    (doc("KubeNetworkConfig", "nodeCIDRMaskSizeIPv4: 40"), "nodeCIDRMaskSizeIPv4 is 40, must be from 1 to 32"),
    (doc("KubeNodeConfig", "labels: {-a: b}"), "'-a' is no label name"),
    (doc("KubeNodeConfig", "labels: {a: 'b c'}"), "labels.a is 'b c'"),
    (doc("KubeNodeConfig", "taints: {a: 'v:Sometimes'}"), "write EFFECT or VALUE:EFFECT"),
    (doc("KubeNodeConfig", "nodeIP: {validSubnets: ['!10.0.0']}"), "nodeIP.validSubnets[0]"),
    (doc("KubePrismConfig", "port: 70000"), "port is 70000"),
    (doc("KubeAPIServerConfig", "apiPort: -1"), "apiPort is -1"),
    (doc("KubeAPIServerCAConfig", "issuingCA: {cert: junk}"), "issuingCA.cert: unusable certificate"),
    (doc("KubeAPIServerCAConfig", "issuingCA: {$patch: delete}\nacceptedCAs: [junk]"), "acceptedCAs[0]: unusable"),
    (doc("KubeServiceAccountConfig", "issuer: {privateKey: junk}"), "issuer.privateKey: unusable private key"),
    (doc("KubeServiceAccountConfig", "issuer: {issuerURL: 'ftp://x'}"), "must be an http or https URL"),
    (doc("KubeAuthorizerConfig", "name: w\ntype: Webhook"), "webhook is required"),
    (doc("KubeAuthorizerConfig", "name: w\ntype: ABAC"), "must be one of Node, RBAC, Webhook"),
    (doc("KubeStaticPodConfig", "name: p\npod: {kind: Deployment}"), "pod.kind is 'Deployment'"),
    (doc("KubeStaticPodConfig", "name: p\npod: {kind: Pod}"), "pod.metadata.name is required"),
    (doc("KubeInlineManifestConfig", "name: m\nmanifest: '{'"), "manifest: line 2, column 1: not valid YAML"),
    (doc("KubeInlineManifestConfig", "name: m\nmanifest: 'a: b'"), "object 1 has no apiVersion and kind"),
    (doc("KubeExternalManifestConfig", "name: m\nurl: 'file:///x'"), "must be an http or https URL"),
    (doc("HostnameConfig", "hostname: x"), "hostname and auto: stable exclude each other"),
    (doc("TimeSyncConfig", "ntp: {servers: [a]}\nptp: {devices: [/dev/ptp0]}"), "exclude each other"),
    (doc("LinkConfig", "name: e\nroutes: [{metric: 5}]"), "routes[0] needs a destination"),
    (
        doc("LinkConfig", "name: e\nroutes: [{destination: 10.0.0.0/8, gateway: 'fe80::1'}]"),
        "differ in address family",
    ),
    (doc("LinkConfig", "name: ''\nmtu: 1500"), "name is required"),
    (doc("LinkConfig", "name: e\naddresses: [{}]"), "addresses[0].address is required"),
    (doc("VLANConfig", "name: v\nparent: e\nvlanID: 4095"), "vlanID is 4095, must be from 1 to 4094"),
    (doc("BondConfig", "name: b\nbondMode: 802.3ad"), "links is required"),
    (doc("BondConfig", "name: b\nlinks: [a]"), "bondMode is required"),
    (
        doc("LinkConfig", "name: x\n---\n") + doc("DummyLinkConfig", "name: x"),
        "LinkConfig and DummyLinkConfig have the same name 'x'",
    ),
    (doc("VethConfig", "name: v\npeer: {name: v}"), "peer.name must differ"),
    (doc("WireguardConfig", "name: w\nprivateKey: abc"), "privateKey must be base64 of 32 bytes"),
    (doc("NetworkRuleConfig", "name: r\nportSelector: {protocol: tcp}\ningress: []"), "portSelector.ports is required"),
    (
        doc(
            "NetworkRuleConfig",
            "name: r\nportSelector: {protocol: icmp}\ningress: [{subnet: 10.0.0.0/8, except: 11.0.0.0/8}]",
        ),
        "is not inside subnet",
    ),
    (doc("StaticHostConfig", "name: x\nhostnames: [y]"), "must be the IP address"),
    (doc("Layer2VIPConfig", "name: x\nlink: y"), "must be the shared IP address"),
    (doc("BlackholeRouteConfig", "name: x"), "must be the destination"),
    (doc("EnvironmentConfig", "variables: {a=b: c}"), "'a=b' is no name"),
    (doc("WatchdogTimerConfig", "device: /dev/watchdog0\ntimeout: 1s"), "must be at least 10s"),
    (doc("WatchdogTimerConfig", "device: /dev/watchdog0\ntimeout: 1000h"), "must be at most"),
    (doc("WatchdogTimerConfig", "device: /dev/watchdog 0"), "must be a path"),
    (doc("EventSinkConfig", "endpoint: nowhere"), "must be HOST:PORT"),
    (doc("ExtensionServiceConfig", "name: e"), "configFiles or environment is required"),
    (doc("TrustedRootsConfig", "name: t\ncertificates: junk"), "certificates: unusable certificate"),
    (doc("RegistryMirrorConfig", "name: r\nendpoints: [{url: 'ftp://x'}]"), "endpoints[0].url is 'ftp://x'"),
    (doc("RegistryTLSConfig", "name: r\nca: junk"), "ca: unusable certificate"),
    (doc("VolumeConfig", "name: OTHER"), "must be one of STATE, EPHEMERAL"),
    (doc("UserVolumeConfig", "name: a_b"), "name is 'a_b'"),
    (
        doc("UserVolumeConfig", "name: v\nprovisioning: {diskSelector: {match: 'disk.size >'}}"),
        "provisioning.diskSelector.match: ",
    ),
    (
        doc("KubeletConfig", "extraArgs: {config: x, v: '2'}"),
        "extraArgs of kubelet may not set config: the node decides",
    ),
    ("cluster: {etcd: {extraArgs: {data-dir: /x}}}", "extraArgs of etcd may not set data-dir"),
    (
        doc("KubeAPIServerConfig", "extraArgs: {etcd-servers: x}"),
        "extraArgs of kube-apiserver may not set etcd-servers",
    ),
    (doc("KubeletConfig", "config: {staticPodPath: /x, maxPods: 5}"), "config of kubelet may not set staticPodPath"),
    (doc("VLANConfig", "name: sixteen-letters-\nvlanID: 5\nparent: eth0"), "name is 'sixteen-letters-'"),
    (doc("DummyLinkConfig", "name: a/b"), "name is 'a/b': the name of a link"),
    (doc("VethConfig", "name: a\npeer: {name: b c}"), "peer.name is 'b c'"),
    (
        doc("NetworkRuleConfig", "name: r\nportSelector: {protocol: tcp, ports: [55, 50-60]}"),
        "portSelector.ports: port 55 stands in two ranges",
    ),
    (doc("KubeSpanConfig", "mtu: 1000"), "mtu is 1000, must be at least 1280"),
    (doc("TCPProbeConfig", "name: a\nendpoint: b"), "endpoint is 'b', must be HOST:PORT"),
    (doc("ResolverConfig", "searchDomains: {domains: [a b]}"), "domains[0] is 'a b', must be one word"),
    (doc("StaticHostConfig", "name: 10.0.0.1\nhostnames: [a b]"), "hostnames[0] is 'a b', must be one word"),
    (doc("KubeletConfig", "clusterDNS: [a]"), "clusterDNS[0] is 'a', must be an IP address"),
    (doc("KubeNetworkConfig", "dnsDomain: -a"), "dnsDomain is '-a', must be a DNS name"),
    (doc("KubeProxyConfig", "mode: a"), "mode is 'a', must be one of nftables"),
    (doc("VolumeConfig", "name: STATE\nprovisioning: {minSize: 1GB}"), "STATE has its place and size by itself"),
    (doc("VolumeConfig", "name: EPHEMERAL\nprovisioning: {minSize: 2GB, maxSize: 1GB}"), "minSize 2GB is more than"),
    ("machine: {network: {searchDomains: [a b]}}", "searchDomains[0] is 'a b'"),
    ("machine: {network: {extraHostEntries: [{ip: 10.0.0.1, aliases: [a b]}]}}", "aliases[0] is 'a b'"),
    ("machine: {kubelet: {clusterDNS: [a]}}", "machine.kubelet.clusterDNS[0] is 'a'"),
    ("cluster: {proxy: {mode: a}}", "cluster.proxy.mode is 'a'"),
    (eth0("bond: {interfaces: [a]}"), "bond.mode is required"),
    (eth0("bond: {mode: 802.3ad}"), "bond needs interfaces or deviceSelectors"),
    (eth0("bond: {mode: fast, interfaces: [a]}"), "bond.mode is 'fast', must be one of balance-rr"),
    (eth0("bond: {mode: 802.3ad, lacpRate: never, interfaces: [a]}"), "lacpRate is 'never'"),
    (eth0("bond: {mode: 802.3ad, interfaces: [a]}, bridge: {interfaces: [b]}"), "bond and bridge exclude"),
    (eth0("vlans: [{vlanId: 4095}]"), "vlans[0].vlanId is 4095, must be from 1 to 4094"),
    (eth0("vlans: [{vlanId: 5, addresses: [x]}]"), "vlans[0].addresses: 'x' is no address"),
    (eth0("routes: [{network: x}]"), "routes.network is 'x'"),
    (eth0("routes: [{gateway: x}]"), "routes.gateway is 'x'"),
    (eth0("vip: {ip: x}"), "vip.ip is 'x'"),
    (eth0("wireguard: {privateKey: x}"), "wireguard.privateKey must be base64"),
    (eth0("wireguard: {privateKey: é}"), "wireguard.privateKey must be base64"),
    (eth0(f"wireguard: {{privateKey: {'A' * 43}=}}"), "wireguard.privateKey is all zeros"),
    (eth0("wireguard: {listenPort: 65536, firewallMark: -1}"), "wireguard.listenPort is 65536"),
    (eth0("wireguard: {listenPort: 65536, firewallMark: -1}"), "wireguard.firewallMark is -1"),
    (eth0("wireguard: {peers: [{publicKey: x}, {publicKey: x}]}"), "peers[1].publicKey stands twice"),
    (eth0("wireguard: {peers: [{persistentKeepaliveInterval: 20h}]}"), "persistentKeepaliveInterval is 20h0m0s, must"),
    (eth0("wireguard: {peers: [{persistentKeepaliveInterval: 500ms}]}"), "persistentKeepaliveInterval is 500ms, must"),
    (eth0("wireguard: {peers: [{endpoint: 'a:65536'}]}"), "peers[0].endpoint is 'a:65536'"),
    (eth0("wireguard: {peers: [{endpoint: x, allowedIPs: [y]}]}"), "peers[0].endpoint is 'x'"),
    (eth0("wireguard: {peers: [{endpoint: x, allowedIPs: [y]}]}"), "peers[0].allowedIPs is 'y'"),
    ("machine: {network: {nameservers: [x]}}", "machine.network.nameservers[0] is 'x'"),
    ("machine: {network: {extraHostEntries: [{ip: x, aliases: [a]}]}}", "extraHostEntries[0].ip is 'x'"),
    ("machine: {network: {extraHostEntries: [{ip: 10.0.0.1}]}}", "extraHostEntries[0].aliases needs"),
    ("machine: {disks: [{device: a, partitions: [{mountpoint: b}, {mountpoint: c}]}]}", "only the last partition"),
    ("machine: {systemDiskEncryption: {state: {provider: luks2}}}", "state.keys needs at least one key"),
    ("machine: {systemDiskEncryption: {ephemeral: {keys: [{slot: 1}]}}}", "ephemeral.keys[0] needs exactly one"),
    ("machine: {registries: {mirrors: {a: {endpoints: [b]}}}}", "mirrors.a: endpoint 'b' must be an http"),
    ("machine: {logging: {destinations: [{endpoint: 'http://a'}]}}", "destinations[0].endpoint must be a tcp"),
    ("machine: {kernel: {modules: [{parameters: [a]}]}}", "modules[0].name is required"),
    ("machine: {kubelet: {nodeIP: {validSubnets: [x]}}}", "validSubnets[0] is 'x'"),
    ("cluster: {network: {dnsDomain: -x}}", "dnsDomain is '-x'"),
    ("cluster: {network: {podSubnets: [x]}}", "podSubnets[0] is 'x'"),
    ("cluster: {network: {cni: {name: x}}}", "cni.name is 'x'"),
    ("cluster: {network: {cni: {name: none, urls: ['https://a']}}}", "cni.urls goes with the name custom only"),
    ("cluster: {network: {cni: {name: custom, urls: [a]}}}", "cni.urls: 'a' must be a URL"),
    ("cluster: {network: {cni: {name: none, flannel: {}}}}", "cni.flannel goes with"),
    ("cluster: {etcd: {advertisedSubnets: [x]}}", "advertisedSubnets[0] is 'x'"),
    ("cluster: {inlineManifests: [{contents: a}]}", "inlineManifests[0].name is required"),
    ("cluster: {extraManifests: [a]}", "extraManifests[0] is 'a'"),
    ("cluster: {discovery: {enabled: true}}", "cluster.id is required by the discovery service"),
    (doc("UserVolumeConfig", "name: v"), "provisioning.diskSelector.match is required"),
    (doc("RawVolumeConfig", "name: v"), "provisioning.minSize or provisioning.maxSize is required"),
    (doc("SwapVolumeConfig", "name: v\nprovisioning: {minSize: 2GiB, maxSize: 2GB}"), "minSize 2GiB is more than"),
    (doc("UserVolumeConfig", f"name: v\nvolumeType: directory\n{DISK}"), "provisioning: a volume that is a directory"),
    (doc("UserVolumeConfig", f"name: v\nvolumeType: disk\n{DISK}"), "a volume that is a whole disk"),
    (doc("ExistingVolumeConfig", "name: v"), "discovery.volumeSelector.match is required"),
    (doc("ExternalVolumeConfig", "name: v"), "mount.virtiofs.tag is required"),
    (doc("LVMLogicalVolumeConfig", "name: v\ntype: linear\nprovisioning: {minSize: 1GB}"), "volumeGroup is required"),
    (doc("LVMVolumeGroupConfig", "name: v"), "volumeSelector.match is required"),
    (doc("RAIDArrayConfig", "name: v\nlevel: raid1"), "volumeSelector.match is required"),
    (doc("ContainerConfig", "name: v"), "image is required"),
    (doc("KmsgLogConfig", "name: v"), "url is required"),
    (doc("SideroLinkConfig", "uniqueToken: v"), "apiUrl is required"),
    (doc("CRICustomizationConfig", "name: v\ncontent: '= x'"), "content is not TOML"),
    (doc("LinkAliasConfig", "name: v\nselector: {match: link.drivers == ''}"), "there is no field drivers"),
    (doc("OOMConfig", "triggerExpression: 'a >'"), "triggerExpression: a name is expected"),
    (
        doc(
            "UserVolumeConfig",
            "name: v\nencryption: {provider: luks2, keys: [{slot: 0, nodeID: {}}, {slot: 0, tpm: {}}]}",
        ),
        "two keys have the same slot",
    ),
    (doc("UserVolumeConfig", "name: v\nencryption: {provider: luks2, keys: [{slot: 0}]}"), "exactly one of static"),
    (doc("VolumeConfig", "name: STATE\nencryption: {provider: luks2}"), "needs at least one key"),
    (encrypted("keys: [{slot: 32, nodeID: {}}]"), "LUKS2 has slots 0 to 31"),
    (encrypted("keys: [{slot: 0, static: {passphrase: ''}}]"), "passphrase is empty"),
    (encrypted("keys: [{slot: 0, nodeID: {}}], blockSize: 520"), "must be one of 512, 1024, 2048, 4096"),
    (encrypted("keys: [{slot: 0, nodeID: {}}], keySize: 3"), "multiple of 8"),
    (encrypted("keys: [{slot: 0, nodeID: {}}], options: [fast]"), "'fast' is none of no_read_workqueue"),
    (encrypted("keys: [{slot: 0, nodeID: {}, lockToState: true}]"), "with what lies on it"),
    (doc("KmsgLogConfig", "name: k\nurl: 'http://x'"), "must be a tcp or udp URL"),
    (doc("KernelModuleConfig", "parameters: [a=b]"), "name is required"),
]


@pytest.mark.parametrize(("patch", "message"), BAD)
def test_bad(patch: str, message: str) -> None:
    config = apply_patches(base(), [patch])
    with pytest.raises(ConfigError) as caught:
        validate(config, "container")
    assert [p for p in caught.value.problems if message in p], caught.value.problems


def test_talos_api_access_is_for_control_planes() -> None:
    config = apply_patches(
        base(MachineType.WORKER), ["machine: {features: {kubernetesTalosAPIAccess: {enabled: true}}}"]
    )
    with pytest.raises(ConfigError, match="kubernetesTalosAPIAccess is for control plane machines only"):
        validate(config, "container")


def test_a_worker_made_a_control_plane_misses_what_only_that_has() -> None:
    config = apply_patches(base(MachineType.WORKER), ["machine: {type: controlplane}"])
    with pytest.raises(ConfigError) as caught:
        validate(config, "container")
    text = str(caught.value)
    assert "machine.ca.key is required on control plane machines" in text
    assert "KubeEtcdEncryptionConfig is required on control plane machines" in text


def test_only_metal_needs_an_installation() -> None:
    config = apply_patches(base(), [doc("UnattendedInstallConfig", "$patch: delete")])
    for mode in ("cloud", "container"):
        validate(config, mode)
    with pytest.raises(ConfigError, match="UnattendedInstallConfig is required in metal mode"):
        validate(config, "metal")


@pytest.mark.parametrize(
    "patch",
    [
        doc("KubeClusterConfig", "endpoint: http://10.0.0.1:6443"),
        doc("HostnameConfig", "auto: 'off'\nhostname: -odd_.name"),
        doc("KubeNetworkConfig", "podSubnets: [10.96.0.0/16]"),
        doc("NetworkDefaultActionConfig", "ingress: block"),
        doc("LinkConfig", "name: eth0\nmtu: 1500\nroutes: [{gateway: 10.0.0.1}]"),
        doc("KubeletConfig", "image: mirror.example/kubelet@sha256:" + "a" * 64),
        doc(
            "UserVolumeConfig",
            f"name: data\n{DISK}\nencryption: {{provider: luks2, keys: [{{slot: 0, nodeID: {{}}}}]}}",
        ),
        doc("UserVolumeConfig", "name: data\nvolumeType: directory"),
        doc("UserVolumeConfig", "name: data\nvolumeType: disk\nprovisioning: {diskSelector: {match: '!system_disk'}}"),
        doc("RawVolumeConfig", f"name: data\n{DISK}"),
        doc("ExistingVolumeConfig", "name: data\ndiscovery: {volumeSelector: {match: volume.label == 'a'}}"),
        doc("ExternalVolumeConfig", "name: data\nfilesystemType: virtiofs\nmount: {virtiofs: {tag: a}}"),
        doc("LinkAliasConfig", "name: net0\nselector: {match: 'mac(link.permanent_addr) == \"00:1a:2b:3c:4d:5e\"'}"),
        doc("KubeNodeConfig", "labels: {example.org/x: ''}\ntaints: {t: 'v:NoExecute'}\nannotations: {a: 'any text'}"),
    ],
)
def test_what_talos_accepts_is_accepted(patch: str) -> None:
    validate(apply_patches(base(), [patch]), "metal", strict=True)


def test_environment_and_sysctls_may_stand_in_both_layouts_and_the_document_holds() -> None:
    config = apply_patches(
        base(),
        [
            "machine: {env: {a: legacy, b: legacy}, sysctls: {net.a: '1', net.b: '1'}}",
            doc("EnvironmentConfig", "variables: {a: document}"),
            doc("SysctlConfig", "params: {net.a: '2'}"),
        ],
    )
    validate(config, "metal", strict=True)
    assert config.machine.env == {"a": "document", "b": "legacy"}
    assert config.machine.sysctls == {"net.a": "2", "net.b": "1"}


def test_legacy_subnets_without_a_mask_are_accepted() -> None:
    config = apply_patches(base(version="v1.13"), ["cluster: {network: {podSubnets: [10.244.0.0]}}"])
    validate(config, "metal", strict=True)


def test_warnings_are_errors_only_when_strict() -> None:
    config = apply_patches(base(version="v1.13"), ["cluster: {allowSchedulingOnMasters: true}"])
    assert [*warnings(config, "metal"), *deprecations(config)] == validate(config, "metal")
    assert "allowSchedulingOnControlPlanes" in validate(config, "metal")[0]
    with pytest.raises(ConfigError, match="allowSchedulingOnControlPlanes"):
        validate(config, "metal", strict=True)


def test_a_deprecated_key_is_named_with_what_replaces_it() -> None:
    config = apply_patches(base(), ["machine: {sysctls: {a: b}, features: {rbac: false}}\npersist: true"])
    assert list(deprecations(config)) == [
        "v1alpha1: deprecated keys, carried out as before: machine.sysctls (now SysctlConfig), "
        "machine.features.rbac (always on)"
    ]


def test_unknown_mode() -> None:
    with pytest.raises(ConfigError, match="unknown mode 'hybrid'; use one of cloud, container"):
        validate(base(), "hybrid")


ALONE = Input(
    cluster_name="t",
    endpoint="https://10.0.0.1:6443",
    secrets=Bundle.generate(kubernetes=False),
    kubernetes=False,
)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("machine_type", list(MachineType))
def test_a_machine_may_run_no_kubernetes(mode: str, machine_type: MachineType) -> None:
    config = Config.decode(ALONE.config(machine_type).encode())
    assert validate(config, mode, strict=True) == []
    assert (config.machine.runs_kubelet, config.machine.runs_etcd) == (False, False)
    assert {d.KIND for d in config.documents if d.KIND.startswith("Kube")} <= {"KubeClusterConfig"}


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        (doc("KubeEtcdEncryptionConfig", "$patch: delete"), "KubeEtcdEncryptionConfig is required"),
        (doc("KubeClusterConfig", "$patch: delete"), "KubeClusterConfig with the endpoint is required where"),
        ("cluster: {$patch: delete}", "v1alpha1: cluster is required, if only as {}"),
    ],
)
def test_kubernetes_is_left_out_as_a_whole(patch: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        validate(apply_patches(base(), [patch]), "container")
    assert message in str(caught.value)


def test_parts_that_wait_for_missing_ones_are_advised_against() -> None:
    pod = doc("KubeStaticPodConfig", "name: a\npod: {metadata: {name: a}, spec: {containers: []}}")
    for config, word in (
        (apply_patches(base(), ["cluster: {etcd: {$patch: delete}}"]), "etcd does not run here"),
        (apply_patches(ALONE.config(MachineType.WORKER), [pod]), "static pods need a kubelet"),
        (apply_patches(ALONE.config(MachineType.WORKER), [doc("KubeClusterConfig", "$patch: delete")]), "signed there"),
    ):
        (said,) = warnings(config, "container")
        assert word in said


@pytest.mark.parametrize("version", ["v1.13", "v1.14"])
def test_the_type_init_is_a_control_plane_machine(version: str) -> None:
    given = Input(cluster_name="t", endpoint="https://10.0.0.1:6443", secrets=bundle(), talos_version=version)
    config = Config.decode(given.config(MachineType.CONTROL_PLANE, init=True).encode())
    validate(config, "container", strict=True)
    assert config.machine.is_init and config.machine.is_control_plane and config.machine.runs_etcd
    assert not base().machine.is_init
