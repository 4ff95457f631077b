"""Modules that nobody plugs in: those of the configuration, what Kubernetes needs, what links are made of.

The kernel would ask for most of them itself by running modprobe, which the image has not: this list takes its place.
A machine without a configuration runs no pods, so it loads only what its links want.
"""

from __future__ import annotations

from talos.controllers import machine_config
from talos.controllers.publish import publish
from talos.resources.network import LinkSpecSpec
from talos.resources.runtime import KernelModuleSpecSpec
from talos.state.controller import EXCLUSIVE, Controller, Input, Output
from talos.state.runtime import Runtime

ALWAYS = ("nls_cp437", "nls_ascii", "nls_utf8", "vfat", "isofs", "xfs", "ext4", "nf_tables", "nft_ct", "nft_limit",
          "nft_reject_inet", "af_packet", "unix_diag", "inet_diag", "tcp_diag", "udp_diag")  # fmt: skip
"""filesystems of seeds and volumes; the node's own firewall; what netstat reads"""
KUBERNETES = (
    "overlay", "br_netfilter", "bridge", "veth", "vxlan", "nf_conntrack", "nf_nat", "nft_chain_nat", "nft_nat",
    "nft_masq", "nft_redir", "nft_numgen", "nft_hash", "nft_fib_inet", "nft_objref", "nft_log", "nft_compat",
    "ip_tables", "iptable_filter", "iptable_nat", "iptable_mangle", "ip6_tables", "ip6table_filter", "ip6table_nat",
    "ip6table_mangle", "xt_comment", "xt_mark", "xt_conntrack", "xt_MASQUERADE", "xt_addrtype", "xt_nat",
    "xt_multiport", "xt_statistic", "xt_tcpudp", "xt_recent", "xt_limit", "xt_set", "ip_set", "ip_set_hash_net",
    "ip_set_hash_ip",
    "ipt_REJECT", "ip6t_REJECT", "fuse", "nfnetlink_queue", "sch_fq", "sch_htb", "sch_ingress", "cls_bpf", "act_bpf",
    "tun",
)  # fmt: skip
"""kubelet, kube-proxy in each of its modes, the usual CNI plugins, what CSI drivers mount"""


def wanted(kinds: set[str], *, configured: bool) -> list[str]:
    """Names or aliases, in the order of loading. A link of kind K is made by the module with the alias rtnl-link-K."""
    return [*ALWAYS, *(f"rtnl-link-{kind}" for kind in sorted(kinds)), *(KUBERNETES if configured else ())]


class KernelModuleConfigController(Controller):
    name = "runtime.KernelModuleConfigController"
    inputs = (machine_config.ACTIVE_CONFIG, Input(LinkSpecSpec))
    outputs = (Output(KernelModuleSpecSpec, EXCLUSIVE),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await machine_config.active(rt)
        desired: dict[str, KernelModuleSpecSpec] = {}
        if not rt.env.in_container:  # there they are the host's to load, and there already
            kinds = {link.spec.kind for link in await rt.list(LinkSpecSpec) if link.spec.kind}
            names = wanted(kinds, configured=config is not None)
            desired |= {name: KernelModuleSpecSpec(name=name) for name in names}
        for module in config.machine.kernel_modules if config is not None else ():
            desired[module.name] = KernelModuleSpecSpec(name=module.name, parameters=list(module.parameters))
        await publish(rt, KernelModuleSpecSpec, desired)
