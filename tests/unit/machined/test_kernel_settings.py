"""What a machine's kernel must have been started with."""
from __future__ import annotations

from pathlib import Path

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
