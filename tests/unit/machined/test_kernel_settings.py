"""What a machine's kernel must have been started with, and what a container node has in place of its host's."""
from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest

from talos.environment import NodeEnvironment
from talos.machined import startup
from talos.machined.kernel_settings import missing_arguments


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("console=ttyS0 slab_nomerge pti=on quiet", []),
        ("slab_nomerge= pti=on", []),
        ("slab_nomerge pti=off", ["pti=on"]),
        ("", ["slab_nomerge", "pti=on"]),
    ],
)
def test_what_is_missing_is_named(line: str, missing: list[str]) -> None:
    assert missing_arguments(line) == missing


@pytest.mark.parametrize("platform", ["metal", "container"])
def test_a_machine_without_its_hardening_stays_closed_a_container_is_its_hosts_business(
    platform: str, tmp_path: Path
) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/cmdline").write_text("quiet\n")
    (tmp_path / "dev").mkdir()
    env = NodeEnvironment(platform=platform, root=tmp_path)
    if platform == "container":
        startup.run(env)
        return
    with pytest.raises(RuntimeError, match="slab_nomerge pti=on"):
        startup.run(env)
    assert "stays closed" in (tmp_path / "dev/console").read_text()
    (tmp_path / "proc/cmdline").write_text("slab_nomerge pti=on\n")
    startup.run(env)


BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
BOOT = """
from pathlib import Path
from talos.linux.mount import mount
from talos.machined import kernel_settings
mount("tmpfs", "/run", "tmpfs")
for _ in range(2):  # the second time as a machined that is started again
    kernel_settings.cover()
    print(Path("/proc/sys/kernel/random/boot_id").read_text().strip())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting needs root")
def test_each_boot_of_a_container_node_has_a_number_of_its_own() -> None:
    """In a mount namespace, as a node has one: what is covered there is the host's to everybody else."""
    hosts = BOOT_ID.read_text().strip()
    boots = []
    for _ in range(2):
        command = ["unshare", "--mount", sys.executable, "-c", BOOT]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        first, again = done.stdout.split()
        assert first == again == str(UUID(first))
        boots.append(first)
    assert len({hosts, *boots}) == 3
    assert BOOT_ID.read_text().strip() == hosts
