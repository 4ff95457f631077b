"""The name under which this machine is a Kubernetes node, if it is one."""

from __future__ import annotations

from talos.controllers.machine_config import ACTIVE_CONFIG, active
from talos.controllers.secrets.cert_sans import fqdn
from talos.resources.k8s import NodenameSpec
from talos.resources.network import HostnameStatusSpec
from talos.state import Controller, Input, Output, Runtime


class NodenameController(Controller):
    """HostnameStatus, MachineConfig -> Nodename "nodename"."""

    name = "k8s.NodenameController"
    inputs = (ACTIVE_CONFIG, Input(HostnameStatusSpec, id="hostname"))
    outputs = (Output(NodenameSpec),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await active(rt)
        hostname = await rt.get_or_none(HostnameStatusSpec, "hostname")
        if config is None or not config.machine.runs_kubelet:
            await rt.keep_only(NodenameSpec, ())
            return
        if hostname is None or not hostname.spec.hostname:
            return
        node = config.kubelet.node
        text = fqdn(hostname.spec) if node.register_with_fqdn else hostname.spec.hostname
        spec = NodenameSpec(
            nodename=from_hostname(text),
            hostname_version=str(hostname.md.version),
            skip_node_registration=node.skip_registration,
        )
        await rt.modify(NodenameSpec, "nodename", lambda _: spec)


def from_hostname(hostname: str) -> str:
    """A node name is an RFC 1123 subdomain: lower case letters, digits, ``-`` and ``.``."""
    kept = "".join(c if c.isascii() and (c.isalnum() or c in "-.") else "-" for c in hostname.lower())
    name = kept.strip("-.")
    if not name:
        raise ValueError(f"hostname {hostname!r} cannot be made a Kubernetes node name; set another hostname")
    return name
