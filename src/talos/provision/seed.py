"""The disk that tells a machine of a local cluster who it is: a NoCloud seed (label CIDATA) with its host name, static
address and configuration. Made by mkfs.vfat(8) and mcopy(1), as the boot artefacts are.

Rejected: the configuration in kernel arguments (x86 reads 2048 bytes of them, a control plane has 10 KB compressed); a
DHCP server and an HTTP server of our own on the bridge (two processes that have to outlive the command).
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

from talos.provision.bundle import prefixed
from talos.provision.model import ClusterDirectory, ClusterModel, NodeModel, ProvisionError

PLATFORM = "nocloud"
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


def write(path: Path, contents: dict[str, str]) -> None:
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
        _run(["mkfs.vfat", "-n", "CIDATA", str(path)])
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
