"""The tree of control groups from an archive of their files."""

from __future__ import annotations

import io
import tarfile
from types import SimpleNamespace

import click
import pytest

from talos.talosctl.cgroup_columns import from_schema, preset_columns
from talos.talosctl.cgroup_tree import Group, read_archive, show
from talos.talosctl.cgroups import PRESETS

FILES = {
    "memory.current": "1048576\n",
    "system/memory.current": "2048\n",
    "system/memory.max": "max\n",
    "system/memory.low": "1024\n",
    "system/memory.peak": "2048\n",
    "system/cgroup.procs": "7\n8\n",
    "system/cpu.stat": "usage_usec 10\nuser_usec 1500000\nsystem_usec 0\n",
    "cpu.stat": "user_usec 3000000\nsystem_usec 0\n",
    "system/memory.pressure": "some avg10=1.50 avg60=0.00 avg300=0.00 total=9\n"
    "full avg10=0.25 avg60=0.00 avg300=0.00 total=1\n",
    "system/io.stat": "8:0 rbytes=2048 wbytes=0 rios=3 wios=1\n8:16 rbytes=1024 wbytes=10 rios=1 wios=1\n",
    "kubepods/burstable/pod0aab-1/abc/cgroup.procs": "9\n",
}


@pytest.fixture
def root() -> Group:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for name, text in FILES.items():
            info = tarfile.TarInfo(f"sys/fs/cgroup/{name}")
            info.size = len(text)
            tar.addfile(info, io.BytesIO(text.encode()))
    out.seek(0)
    return read_archive(out)


def lines(root: Group, preset: str) -> dict[str, list[str]]:
    return {line.split()[0].strip("│├└─ "): line.split() for line in show(root, preset_columns(preset)).splitlines()}


def test_the_tree(root: Group) -> None:
    text = show(root, [])
    assert text.splitlines()[1:] == [
        ".",
        "├──kubepods",
        "│   └──burstable",
        "│       └──pod0aab-1",
        "│           └──abc",
        "└──system",
    ]


def test_memory(root: Group) -> None:
    out = show(root, preset_columns("memory"))
    system = next(line for line in out.splitlines() if "system" in line)
    assert "2.0 KiB" in system and "200.00%" in system and system.rstrip().endswith("max")


def test_processor_time_is_a_share_of_the_parent(root: Group) -> None:
    system = next(line for line in show(root, preset_columns("cpu")).splitlines() if "system" in line)
    assert "1.50s" in system and "50.00%" in system


def test_pressure_and_devices(root: Group) -> None:
    psi = next(line for line in show(root, preset_columns("psi")).splitlines() if "system" in line)
    assert psi.split()[-4:] == ["1.50", "0.25", "unset", "unset"]
    io_line = next(line for line in show(root, preset_columns("io")).splitlines() if "system" in line)
    assert "3.0 KiB/10 B" in io_line and "4/2" in io_line


def test_names_of_processes_and_containers(root: Group) -> None:
    root.name_processes({7: "init", 9: "nginx"})
    root.name_containers(
        [
            SimpleNamespace(id="default/web", pod_id="default/web", uid="0aab-1", internal_id="s", name=""),
            SimpleNamespace(id="default/web:nginx:abc", pod_id="default/web", uid="", internal_id="abc", name="nginx"),
        ]
    )
    out = show(root, preset_columns("process"))
    assert "default/web" in out and "└──nginx" in out and "[nginx]" in out and "[init]" in out


@pytest.mark.parametrize("preset", PRESETS)
def test_a_group_without_files_has_every_column(preset: str) -> None:
    header, line = show(Group("."), preset_columns(preset)).splitlines()
    assert len(header.split()) >= 4 and line.startswith(".")


def test_a_schema_of_ones_own(root: Group) -> None:
    schema = """
columns:
  - name: Memory
    template: '{{ .MemoryCurrent.HumanizeIBytes | printf "%10s" }}'
  - name: User
    template: 'user {{ .CPUStat.UserUsec.UsecToDuration }}'
"""
    system = next(line for line in show(root, from_schema(schema)).splitlines() if "system" in line)
    assert (
        system == "└──system" + " " * (18 + 3 - 9 + 3) + "   2.0 KiB   user 1.50s"
        or "   2.0 KiB   user 1.50s" in system
    )


@pytest.mark.parametrize(
    "text", ["x", "columns: 1", "columns: [{name: a}]", "columns: [{name: a, template: '{{ foo }}'}]"]
)
def test_a_schema_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(click.ClickException):
        from_schema(text)


def test_what_is_no_archive_is_refused() -> None:
    with pytest.raises(click.ClickException, match="archive"):
        read_archive(io.BytesIO(b"junk"))
