"""Settings of the host: what was found is noted before it is changed, and goes back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from talos.provision import destroy, host, monitors, network
from talos.provision.model import ClusterDirectory, ClusterModel, ProvisionError


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    forward, inotify = tmp_path / "ip_forward", tmp_path / "max_user_instances"
    forward.write_text("0\n")
    inotify.write_text("128\n")
    monkeypatch.setattr(host, "_FORWARD", str(forward))
    monkeypatch.setattr(host, "_INOTIFY", str(inotify))
    monkeypatch.setattr(monitors, "running", list)
    return forward, inotify


def model() -> ClusterModel:
    return ClusterModel("demo", "10.5.0.0/24", "10.5.0.1", 1500, "/image", "id", "/runc", "1.37.2")


def test_found_values_are_on_disk_before_anything_changes(
    tmp_path: Path, settings: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    directory = ClusterDirectory(tmp_path / "state", "demo")

    def killed(_path: str, _value: str) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(host, "_change", killed)
    with pytest.raises(KeyboardInterrupt):
        host.prepare(directory, model())
    assert [path.read_text() for path in settings] == ["0\n", "128\n"]
    assert directory.load().host_settings == {str(settings[0]): "0", str(settings[1]): "128"}


def test_values_change_and_go_back(tmp_path: Path, settings: tuple[Path, Path]) -> None:
    directory, made = ClusterDirectory(tmp_path / "state", "demo"), model()
    host.prepare(directory, made)
    assert [path.read_text() for path in settings] == ["1", "8192"]
    host.restore(directory, directory.load())
    assert [path.read_text() for path in settings] == ["0", "128"]


def test_ipv6_is_forwarded_for_clusters_that_have_it_and_announced_routes_stay(
    tmp_path: Path, settings: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host that begins to forward no longer takes routes from routers, but on links where accept_ra is 2."""
    forward, heeded = tmp_path / "forwarding", tmp_path / "eth0"
    forward.write_text("0\n")
    heeded.write_text("1\n")
    monkeypatch.setattr(host, "_FORWARD_IPV6", str(forward))
    monkeypatch.setattr(host, "_ACCEPT_RA", str(tmp_path / "{}"))
    monkeypatch.setattr(host, "announced_defaults", lambda: ["eth0"])
    changes = []
    change = host._change
    monkeypatch.setattr(host, "_change", lambda path, value: changes.append(path) or change(path, value))
    only_four = ClusterDirectory(tmp_path / "state", "four")
    host.prepare(only_four, model())
    assert forward.read_text() == "0\n" and heeded.read_text() == "1\n"
    directory, made = ClusterDirectory(tmp_path / "state", "dual"), model()
    made.second_subnet, made.second_gateway = "fd74:616c:a05::/64", "fd74:616c:a05::1"
    host.prepare(directory, made)
    assert (forward.read_text(), heeded.read_text()) == ("1", "2")
    assert changes.index(str(heeded)) < changes.index(str(forward))
    host.restore(only_four, only_four.load())
    assert forward.read_text() == "1", "the other cluster needs it"
    shutil.rmtree(only_four.path)
    host.restore(directory, directory.load())
    assert (forward.read_text(), heeded.read_text()) == ("0", "1")


def test_links_that_have_gone_need_nothing_put_back(tmp_path: Path, settings: tuple[Path, Path]) -> None:
    directory, made = ClusterDirectory(tmp_path / "state", "demo"), model()
    made.host_settings = {str(tmp_path / "gone"): "1"}
    host.prepare(directory, made)
    host.restore(directory, made)
    assert [path.read_text() for path in settings] == ["0", "128"]
    assert not (tmp_path / "gone").exists()


def test_a_setting_that_cannot_be_changed_is_no_reason_to_fail_at_putting_it_back(
    tmp_path: Path, settings: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_self: Path, _text: str) -> int:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(host, "clusters", lambda _state: [])
    directory, made = ClusterDirectory(tmp_path / "state", "demo"), model()
    directory.save(made)
    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(ProvisionError, match="Read-only file system"):
        host.prepare(directory, made)
    host.restore(directory, made)
    assert [path.read_text() for path in settings] == ["0\n", "128\n"]


def test_destroying_with_a_damaged_model_says_what_is_not_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(network, "destroy", lambda _directory: None)
    directory = ClusterDirectory(tmp_path, "demo")
    directory.path.mkdir()
    directory.model_file.write_text('{"name": ')
    told = destroy.destroy(directory)
    assert f"{directory.model_file} is damaged" in told
    assert "/proc/sys/net/ipv4/ip_forward" in told
    assert not directory.exists()
