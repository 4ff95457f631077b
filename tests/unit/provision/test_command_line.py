"""Flags of `talosctl cluster`: what they mean, and that a wrong one is named and changes nothing."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import click
import pytest

from talos.talosctl.cluster import create
from talos.talosctl.cluster.progress import TerminalProgress
from talos.talosctl.cluster.values import Cpus, Memory, check_name, mounts, patches, ports
from talos.talosctl.main import run


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2.0GiB", 2 << 30),
        ("2gb", 2 * 10**9),
        ("2048", 2048 * 10**6),
        ("1024MiB", 1 << 30),
        ("0", 0),
        ("1.5Gi", 3 << 29),
    ],
)
def test_sizes(text: str, expected: int) -> None:
    assert Memory().convert(text, None, None) == expected


@pytest.mark.parametrize("text", ["", "two", "-1GiB", "5XB", "1 2", "64MiB"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match=r"size|too little"):
        Memory().convert(text, None, None)


@pytest.mark.parametrize("text", ["many", "-1", "1,5"])
def test_what_is_no_number_of_cores_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="cores"):
        Cpus().convert(text, None, None)


def test_ports() -> None:
    found = ports(["8080:80", "53:5353/udp"], "127.0.0.1")
    assert [(p.host_ip, p.host_port, p.node_port, p.protocol) for p in found] == [
        ("127.0.0.1", 8080, 80, "tcp"),
        ("127.0.0.1", 53, 5353, "udp"),
    ]


@pytest.mark.parametrize("text", ["80", "80:", ":80", "0:80", "80:70000", "80:80/sctp", "a:b"])
def test_wrong_ports_name_the_flag(text: str) -> None:
    with pytest.raises(click.BadParameter) as caught:
        ports([text], "0.0.0.0")
    assert "--exposed-ports" in caught.value.format_message()


def test_volumes_of_the_user_get_a_disk_for_each_time_the_flag_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, dict[str, object]]] = []
    monkeypatch.setattr(create, "_create", lambda machines, **flags: asked.append((machines, flags)))
    flags = ["--user-volumes=data:1GiB:logs:512MiB", "--user-volumes", "more:2gb", "--encrypt-user-volumes"]
    assert run(["cluster", "create", "--provisioner", "qemu", "--extra-disks", "1", *flags]) == 0
    ((machines, others),) = asked
    assert isinstance(machines, dict)
    assert [size >> 20 for size in machines["disks"]] == [6144, 1544, 1916, 5120]
    assert machines["disk_serials"] == ["", "user-volumes-0", "user-volumes-1"]
    assert machines["worker_disks"] == 1 and machines["disk_sector"] == 512
    assert others["user_volumes"] == ((("data", 1 << 30), ("logs", 512 << 20)), (("more", 2 * 10**9),))
    assert others["encrypt_user_volumes"] is True


def test_patches_from_files(tmp_path: Path) -> None:
    file = tmp_path / "patch.yaml"
    file.write_text("a: 1")
    assert patches((f"@{file}", "b: 2"), "--config-patch") == ("a: 1", "b: 2")
    with pytest.raises(click.BadParameter, match="cannot read"):
        patches((f"@{tmp_path}/absent",), "--config-patch")


@pytest.mark.parametrize("name", ["T1", "a_b", "-a", "a-", "a" * 43, "", "a.b"])
def test_names_that_cannot_begin_a_host_name(name: str) -> None:
    with pytest.raises(click.BadParameter, match="lower case"):
        check_name(name)


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (["cluster", "show", "--name", "absent"], "cluster create --name absent"),
        (["cluster", "destroy", "--name", "absent"], "nothing to destroy"),
        (["cluster", "logs", "--name", "absent"], "not found"),
        (["cluster", "create", "--name", "X"], "--name"),
        (["cluster", "create", "--memory", "lots"], "--memory"),
        (["cluster", "create", "--image", "/absent"], "make root"),
        (["cluster", "create", "qemu", "--image", "/absent"], "make artefacts"),
        (["cluster", "create", "qemu", "--presets", "floppy"], "--presets floppy: choose from iso, iso-secureboot"),
        (["cluster", "create", "qemu", "--presets", "iso,disk-image"], "starts from one of"),
        (["cluster", "create", "qemu", "--disks", "floppy:10GiB"], "with virtio, nvme, scsi, ahci"),
        (["cluster", "create", "qemu", "--disks", "virtio:1GiB"], "--disks: the first one holds the system"),
        (["cluster", "create", "qemu", "--memory-workers", "0"], "--memory-workers 0"),
        (["cluster", "create", "qemu", "--schematic-id", "x"], "--schematic-id"),
        (["cluster", "create", "qemu", "--encrypt-state", "--disk-encryption-key-types", "tpm"], "add --with-tpm2"),
        (["cluster", "create", "--provisioner", "vbox"], "choose docker"),
        (["cluster", "create", "dev", "--encrypt-state"], "add --provisioner qemu"),
        (["cluster", "create", "--disk", "9000"], "--disk is for nodes that are machines"),
        (["cluster", "create", "dev", "--provisioner", "qemu", "--disk", "1000"], "--disks: the first one holds"),
        (["cluster", "create", "--iso-path", "x"], "--iso-path is for nodes that are machines"),
        (["cluster", "create", "dev", "--provisioner", "qemu", "--iso-path", "a", "--disk-image-path", "b"], "one of"),
        (["cluster", "create", "dev", "--provisioner", "qemu", "--primary-disks", "0"], "--primary-disks 0"),
        (["cluster", "create", "dev", "--provisioner", "qemu", "--extra-disks-serials", "a"], "--extra-disks is 0"),
        (
            ["cluster", "create", "dev", "--provisioner=qemu", "--extra-disks=1", "--extra-disks-serials", "a b"],
            "--extra-disks-serials a b: a serial number",
        ),
        (["cluster", "create", "--disk-block-size", "4096"], "--disk-block-size is for nodes that are machines"),
        *(
            (["cluster", "create", "dev", "--provisioner=qemu", f"--disk-block-size={size}"], "512 or 4096 bytes")
            for size in (0, 1, 520, 1024, 2048, 4097, 8192, 2 << 20)
        ),
        (["cluster", "create", "--user-volumes", "data:1GiB"], "--user-volumes is for nodes that are machines"),
        (["cluster", "create", "--provisioner", "qemu", "--user-volumes", "data"], "write NAME:SIZE"),
        (["cluster", "create", "--ipv4=false"], "without any address: add --ipv6"),
        (["cluster", "create", "--cidr", "fd00::/64"], "the IPv6 prefix of a cluster follows from it"),
        (["cluster", "create", "docker", "--ipv6", "--disable-ipv6"], "exclude each other"),
        (["cluster", "create", "--with-tpm1_2"], "--with-tpm1-2 is for nodes that are machines"),
        (["cluster", "create", "dev", "--provisioner=qemu", "--with-tpm1_2", "--with-tpm2"], "has one of them"),
        (
            ["cluster", "create", "dev", "--provisioner=qemu", "--with-tpm1_2", "--encrypt-state",
             "--disk-encryption-key-types=tpm"],
            "a TPM 1.2 cannot seal",
        ),
        (["cluster", "create", "dev", "--provisioner=qemu", "--usb-path=a", "--uki-path=b"], "starts from one of them"),
        (["cluster", "create", "dev", "--provisioner=qemu", "--vmlinuz-path=a"], "a kernel and its initramfs"),
        (["cluster", "create", "dev", "--provisioner=qemu", "--uki-path=a", "--with-uefi=false"], "--vmlinuz-path"),
        (["cluster", "create", "dev", "--provisioner=qemu", "--iso-path=a", "--with-bootloader=false"], "--uki-path"),
        (["cluster", "create", "dev", "--provisioner=qemu", "--config-injection-method=tape"], "http, metal-iso"),
        (["cluster", "create", "dev", "--provisioner=qemu", "--ipxe-boot-script=boot.ipxe"], "give the URL"),
        (["cluster", "create", "--no-such-flag"], "--no-such-flag"),
    ],
)
def test_faults_name_the_flag_or_the_next_step(
    arguments: list[str], word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert run(arguments) == 1
    assert word in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


def test_destroying_nothing_by_force_is_no_fault(tmp_path: Path) -> None:
    assert run(["cluster", "destroy", "--state", str(tmp_path), "--name", "absent", "--force"]) == 0


def test_progress_without_a_terminal_prints_what_stays() -> None:
    stream = io.StringIO()
    with TerminalProgress(stream) as progress:
        progress.phase("one")
        progress.detail("not shown")
        progress.phase("two")
    lines = stream.getvalue().splitlines()
    assert [line.split(" (")[0] for line in lines] == ["✓ one", "✓ two"]


def test_progress_marks_what_failed_and_tells_what_it_waited_for() -> None:
    stream = io.StringIO()
    with pytest.raises(ValueError, match="x"), TerminalProgress(stream) as progress:
        progress.phase("one")
        progress.detail("the reason")
        progress.failed()
        progress.phase("cleaning up")
        raise ValueError("x")
    text = stream.getvalue()
    assert "✗ one" in text
    assert "last: the reason" in text
    assert "✓ cleaning up" in text


def test_mounts(tmp_path: Path) -> None:
    found = mounts((f"type=bind,source={tmp_path},target=/var/mnt/x", f"src={tmp_path},dst=/run/y/../z,readonly"))
    assert [(m.source, m.destination, m.read_only) for m in found] == [
        (str(tmp_path), "/var/mnt/x", False),
        (str(tmp_path), "/run/z", True),
    ]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("/a:/b", "type=bind,source=PATH"),
        ("type=volume,source=/,target=/var/x", "type=bind"),
        ("source=/,target=/var/x,z=1", "type=bind"),
        ("source=/nosuch/folder,target=/var/x", "does not exist on this host"),
        ("source=/,target=/etc", "read-only"),
        ("source=/,target=/var/../etc", "read-only"),
    ],
)
def test_mounts_that_cannot_be(text: str, words: str) -> None:
    with pytest.raises(click.BadParameter, match=words):
        mounts((text,))


def test_what_holds_anyway_is_no_fault_and_what_does_not_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    absent = ["cluster", "create", "dev", "--image", "/absent"]
    assert run([*absent, "--init-node-as-endpoint", "--with-cluster-discovery=false"]) == 1
    assert "make root" in capsys.readouterr().err
    assert run([*absent, "--provisioner", "qemu"]) == 1
    assert "make artefacts" in capsys.readouterr().err


def test_logs_are_kept_before_a_cluster_goes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    cluster = tmp_path / "clusters/demo"
    node = cluster / "nodes/demo-worker-1"
    (node / "var/log").mkdir(parents=True)
    (node / "console.log").write_text("console")
    (node / "var/log/machined.log").write_text("machined")
    destroy = ["cluster", "destroy", "--name", "demo", "--state", str(cluster.parent)]
    assert run([*destroy, "--save-cluster-logs-archive-path", str(tmp_path / "no/such.tar.gz")]) == 1
    assert "left as it is" in capsys.readouterr().err and node.exists()
    assert run([*destroy, "--save-support-archive-path", str(tmp_path / "s.zip")]) == 1  # it never came up
    assert node.exists()
    assert run([*destroy, "--save-cluster-logs-archive-path", str(tmp_path / "logs.tar.gz")]) == 0
    assert not cluster.exists()
    with tarfile.open(tmp_path / "logs.tar.gz") as archive:
        assert archive.getnames() == ["demo-worker-1/console.log", "demo-worker-1/machined.log"]
