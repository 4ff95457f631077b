"""The table of commands. A command's module is imported when the command runs."""

from __future__ import annotations

import click

from talos.talosctl.options import ClientGroup, Entry

NODES = "Nodes and clusters"
FILES = "Configuration and keys"
LOCAL = "Local clusters"
OTHER = "Other"


def _node(where: str, text: str, *aliases: str, hidden: bool = False) -> Entry:
    return Entry(where, text, aliases, hidden, NODES)


def _elsewhere(name: str) -> Entry:
    return Entry(f"elsewhere:{name}", "", (), True, OTHER)


COMMANDS: dict[str, Entry] = {
    "apply-config": _node("apply_config:apply_config", "Give a node a new configuration", "apply"),
    "audit": _node("audit:audit", "Show who called the nodes, and prove that the record is whole"),
    "auth": _node("auth:auth", "Show what a certificate may do, and why"),
    "bootstrap": _node("bootstrap:bootstrap", "Start etcd on the first control plane node, once per cluster"),
    "cgroups": _node("cgroups:cgroups", "Show what control groups use", "cg"),
    "config": _node("config_cmd:config", "Contexts, endpoints and nodes of the client configuration"),
    "conformance": _node("conformance:conformance", "Run the conformance tests of Kubernetes"),
    "containers": _node("containers:containers", "List containers", "c"),
    "copy": _node("copy:copy", "Copy files from a node", "cp"),
    "crashdump": _node("elsewhere:crashdump", "", hidden=True),
    "dashboard": _node("dashboard:dashboard", "Watch nodes on a full screen"),
    "debug": _node("debug:debug", "Run a container on a node to look around in it"),
    "diskfree": _node("diskfree:diskfree", "Show how full the mounted volumes are", "df"),
    "disks": _node("elsewhere:disks", "", hidden=True),
    "dmesg": _node("dmesg:dmesg", "Show kernel messages"),
    "edit": _node("edit:edit", "Edit a node's machine configuration in your editor"),
    "etcd": _node("etcd:etcd", "Members, health and backup of etcd"),
    "events": _node("events:events", "Show what happens on a node, as it happens"),
    "get": _node("get:get", "Show resources of a node (get rd lists their types)", "g"),
    "health": _node("health:health", "Check the health of a cluster"),
    "image": _node("image:image", "Container images of a node, and lists of those a cluster needs", "images"),
    "inspect": _node("inspect_cmd:inspect", "Look inside a node"),
    "interfaces": _node("elsewhere:interfaces", "", hidden=True),
    "kubeconfig": _node("kubeconfig:kubeconfig", "Fetch the administrator's kubeconfig"),
    "list": _node("list_cmd:list_files", "List a folder of a node", "ls"),
    "logs": _node("logs:logs", "Show the log of a service or container"),
    "memory": _node("memory:memory", "Show memory use", "m", "free"),
    "meta": _node("meta:meta", "Write and delete the keys that a machine keeps outside its configuration"),
    "mounts": _node("mounts:mounts", "List mounts", "mount"),
    "netstat": _node("netstat:netstat", "Show sockets and connections", "ss"),
    "patch": _node("patch:patch", "Patch a node's machine configuration"),
    "pcap": _node("pcap:pcap", "Capture packets of a network interface", "tcpdump"),
    "processes": _node("processes:processes", "List processes", "p", "ps"),
    "read": _node("read:read", "Print a file of a node", "cat"),
    "reboot": _node("power:reboot", "Reboot nodes"),
    "reset": _node("power:reset", "Wipe nodes: they leave the cluster and lose their data"),
    "restart": _node("containers:restart", "Restart a container"),
    "rollback": _node("rollback:rollback", "Boot the version that was installed before"),
    "rotate-ca": _node("rotate_ca:rotate_ca", "Replace the authorities of the Talos and Kubernetes APIs"),
    "routes": _node("elsewhere:routes", "", "route", hidden=True),
    "service": _node("service:service", "Show, start, stop or restart services", "services"),
    "shutdown": _node("power:shutdown", "Shut nodes down"),
    "stats": _node("containers:stats", "Show memory and processor time of containers"),
    "support": _node("support:support", "Collect what one needs to find a fault, without secrets"),
    "time": _node("time_cmd:time", "Show a node's clock and its time server's"),
    "upgrade": _node("upgrade:upgrade", "Install another version on nodes"),
    "upgrade-k8s": _node("upgrade_k8s:upgrade_k8s", "Upgrade Kubernetes"),
    "usage": _node("usage:usage", "Show how much space folders of a node take", "du"),
    "version": _node("version:version", "Show the version of client and nodes"),
    "wipe": _node("wipe:wipe", "Wipe disks and volumes of nodes"),
    "gen": Entry("gen:gen", "Make secrets, configurations, keys and certificates", (), False, FILES),
    "machineconfig": Entry("machineconfig:machineconfig", "Machine configurations in files", ("mc",), False, FILES),
    "inject": Entry("inject:inject", "Add what a workload needs to Kubernetes manifests", (), False, FILES),
    "validate": Entry("validate:validate", "Check a machine configuration", (), False, FILES),
    "cluster": Entry("cluster:cluster", "Create, show and destroy clusters on this machine", (), False, LOCAL),
    "completion": Entry("completion:completion", "Print the completion script for a shell", (), False, OTHER),
    "bgp-launch": _elsewhere("bgp_launch"),
    "debug-tool": _elsewhere("debug_tool"),
    "dhcpd-launch": _elsewhere("dhcpd_launch"),
    "dnsd-launch": Entry("launch:dnsd_launch", "", (), True, OTHER),
    "docs": Entry("docs_cmd:docs", "", (), True, OTHER),
    "json-logs-launch": Entry("launch:json_logs_launch", "", (), True, OTHER),
    "kms-launch": Entry("kms:kms_launch", "", (), True, OTHER),
    "loadbalancer-launch": Entry("launch:loadbalancer_launch", "", (), True, OTHER),
    "qemu-launch": _elsewhere("qemu_launch"),
    "remote-provision-launch": _elsewhere("remote_provision_launch"),
    "siderolink-launch": _elsewhere("siderolink_launch"),
    "virtiofsd-launch": _elsewhere("virtiofsd_launch"),
}


@click.command(
    cls=ClientGroup,
    entries=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
def talosctl() -> None:
    """Manage Talos Linux nodes, their configuration, and clusters on this machine.

    Flags such as --nodes may stand before or after the command.
    """
