"""How a machine of a local cluster is told who it is: by a disk that is a NoCloud seed (label CIDATA) with its host
name, static address and configuration, made by mkfs.vfat(8) and mcopy(1), as the boot artefacts are. No process has to
outlive the command for that.

`--config-injection-method` takes the ways of a machine that has no such disk (platform metal): kernel arguments name
its address, and where the configuration is, on a server (talos.provision.config_server) or on a disk of that label.

Rejected: the configuration in kernel arguments (x86 reads 2048 bytes of them, a control plane has 10 KB compressed).
"""

from __future__ import annotations

import ipaddress
import json
import os
import shutil
import subprocess
from pathlib import Path

from talos.provision import config_server
from talos.provision.bundle import prefixed
from talos.provision.model import ClusterDirectory, ClusterModel, NodeModel, ProvisionError

PLATFORM = "nocloud"
LABEL = "CIDATA"
HTTP, METAL_ISO = METHODS = ("http", "metal-iso")
"""of --config-injection-method"""
METAL_LABEL, METAL_FILE = METAL_ISO.upper(), "config.yaml"
"""what the platform metal looks for, whatever the label's case"""
_BYTES = 4 << 20
_PATH = "/usr/sbin:/sbin:/usr/bin:/bin"


def program(name: str) -> str | None:
    """Where one of the programs lies; None when it is not installed."""
    return shutil.which(name, path=os.environ.get("PATH", "") + ":" + _PATH)


def files(directory: ClusterDirectory, model: ClusterModel, node: NodeModel, user_data: str | None) -> dict[str, str]:
    """Names and contents, pure. Without user_data the machine stays in maintenance mode."""
    link = {
        "match": {"macaddress": directory.hardware_address(node)},
        "mtu": model.mtu,
        "addresses": [str(prefixed(*pair)) for pair in zip(node.addresses, model.subnets, strict=True)],
        **{f"gateway{family}": gateway for family, gateway in zip(model.families, model.gateways, strict=True)},
        "nameservers": {"addresses": [model.gateway]},
    }
    meta = {"instance-id": directory.container(node), "local-hostname": node.name}
    found = {
        "meta-data": json.dumps(meta) + "\n",  # JSON is YAML
        "network-config": json.dumps({"version": 2, "ethernets": {"eth0": link}}) + "\n",
    }
    return found if user_data is None else {"user-data": user_data, **found}


def arguments(directory: ClusterDirectory, model: ClusterModel, node: NodeModel) -> str:
    """Of the kernel: the platform, and what it is not told by a seed. Pure."""
    if not model.config_method:
        return f"talos.platform={PLATFORM}"
    where = config_server.url(model) if model.config_method == HTTP else METAL_ISO
    card = "enx" + directory.hardware_address(node).replace(":", "")
    found = ["talos.platform=metal", f"talos.config={where}"]
    for address, gateway, subnet in zip(node.addresses, model.gateways, model.subnets, strict=True):
        network = ipaddress.ip_network(subnet)
        mask = network.netmask if network.version == 4 else network.prefixlen
        servers = f"{_field(gateway)}::{_field(gateway)}" if model.bad_rtc else _field(gateway)
        found.append(f"ip={_field(address)}::{_field(gateway)}:{mask}:{node.name}:{card}:off:{servers}")
    return " ".join(found)


def _field(address: str) -> str:
    """Of the argument ip=, whose fields end with colons."""
    return f"[{address}]" if ":" in address else address


def write(path: Path, contents: dict[str, str], label: str = LABEL) -> None:
    """The seed as a FAT image, readable by its owner alone: it holds the cluster's secrets. ProvisionError."""
    scratch = path.with_name(f".{path.name}.files")
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir(mode=0o700)
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.truncate(fd, _BYTES)
        os.close(fd)
        for name, text in contents.items():
            (scratch / name).write_text(text)
        _run(["mkfs.vfat", "-n", label, str(path)])
        _run(["mcopy", "-i", str(path), *(str(scratch / name) for name in contents), "::/"])
    finally:
        shutil.rmtree(scratch)


def _run(command: list[str]) -> None:
    found = program(command[0])
    if found is None:
        raise ProvisionError(f"{command[0]} is not installed on this host: install the packages dosfstools and mtools")
    environment = {**os.environ, "MTOOLS_SKIP_CHECK": "1"}
    done = subprocess.run([found, *command[1:]], capture_output=True, text=True, check=False, env=environment)
    if done.returncode != 0:
        raise ProvisionError(f"the seed of a machine cannot be made, {command[0]}: {done.stderr.strip()}")
