"""Kernel parameters every node sets unless its configuration says otherwise (contract, "sysctl defaults applied").

In a container the list is shorter: what is not in a namespace of the node's own belongs to the host.
"""

from __future__ import annotations

from talos.controllers.publish import always
from talos.resources.runtime import KernelParamDefaultSpecSpec
from talos.state.controller import Controller, Output
from talos.state.runtime import Runtime

EVERYWHERE = {
    "fs.aio-max-nr": "1048576",
    "fs.inotify.max_user_instances": "8192",
    "kernel.panic": "10",
    "kernel.pid_max": "262144",
    "net.ipv4.conf.all.send_redirects": "0",
    "net.ipv4.conf.default.send_redirects": "0",
    "net.ipv4.icmp_echo_ignore_broadcasts": "1",
    "net.ipv4.icmp_ignore_bogus_error_responses": "1",
    "net.ipv4.ip_forward": "1",
    "net.ipv4.ip_local_reserved_ports": "50000,50001",
    "net.ipv4.tcp_keepalive_intvl": "60",
    "net.ipv4.tcp_keepalive_time": "600",
    "net.ipv6.conf.default.accept_ra": "2",
    "net.ipv6.conf.default.forwarding": "1",
    "vm.overcommit_memory": "1",
}
MACHINES_ONLY = {
    "dev.tty.ldisc_autoload": "0",
    "dev.tty.legacy_tiocsti": "0",
    "fs.protected_fifos": "2",
    "fs.protected_hardlinks": "1",
    "fs.protected_regular": "2",
    "fs.protected_symlinks": "1",
    "fs.suid_dumpable": "0",
    "kernel.ctrl-alt-del": "0",
    "kernel.dmesg_restrict": "1",
    "kernel.kptr_restrict": "2",
    "kernel.panic_on_oops": "1",  # the kubelet does not start without it; built into Talos' own kernel
    "kernel.perf_event_paranoid": "3",
    "kernel.randomize_va_space": "2",
    "kernel.unprivileged_bpf_disabled": "1",
    "kernel.yama.ptrace_scope": "2",
    "net.bridge.bridge-nf-call-ip6tables": "1",
    "net.bridge.bridge-nf-call-iptables": "1",
    "net.core.bpf_jit_harden": "2",
    "user.max_user_namespaces": "0",
    "vm.unprivileged_userfaultfd": "0",
}


class KernelParamDefaultsController(Controller):
    """Writes the list."""

    name = "runtime.KernelParamDefaultsController"
    outputs = (Output(KernelParamDefaultSpecSpec),)

    async def reconcile(self, rt: Runtime) -> None:
        wanted = EVERYWHERE if rt.env.in_container else {**EVERYWHERE, **MACHINES_ONLY}
        for name, value in wanted.items():
            spec = KernelParamDefaultSpecSpec(value=value, ignore_errors=name in MACHINES_ONLY)
            await rt.modify(KernelParamDefaultSpecSpec, f"proc.sys.{name}", always(spec))
