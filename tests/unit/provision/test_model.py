from __future__ import annotations

from pathlib import Path

import pytest

from talos.provision.model import ClusterDirectory, ClusterModel, NodeModel, PortMapping, ProvisionError, clusters


def model(name: str = "demo") -> ClusterModel:
    return ClusterModel(
        name, "10.5.0.0/24", "10.5.0.1", 1500, "/image", "id", "/runc", "1.37.2",
        nodes=[NodeModel("a", "controlplane", "10.5.0.2", 1)], ports=[PortMapping("0.0.0.0", 80, 8080)],
    )  # fmt: skip


def test_model_survives_the_disk(tmp_path: Path) -> None:
    directory = ClusterDirectory(tmp_path, "demo")
    written = model()
    directory.save(written)
    assert directory.load() == written
    assert clusters(tmp_path) == ["demo"]


def test_absent_cluster_tells_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ProvisionError, match="cluster create --name nope"):
        ClusterDirectory(tmp_path, "nope").load()


def test_damaged_file_tells_what_to_do(tmp_path: Path) -> None:
    directory = ClusterDirectory(tmp_path, "demo")
    directory.path.mkdir()
    directory.model_file.write_text("{")
    with pytest.raises(ProvisionError, match="cluster destroy"):
        directory.load()


def test_names_fit_the_kernel_and_differ_by_folder(tmp_path: Path) -> None:
    one = ClusterDirectory(tmp_path / "a", "demo")
    two = ClusterDirectory(tmp_path / "b", "demo")
    node = NodeModel("n", "worker", "10.5.0.9", 254)
    assert one.bridge != two.bridge
    assert max(len(one.bridge), len(one.veth(node))) <= 15


def test_state_files_are_private(tmp_path: Path) -> None:
    directory = ClusterDirectory(tmp_path, "demo")
    directory.save(model())
    assert directory.model_file.stat().st_mode & 0o777 == 0o600
    assert directory.path.stat().st_mode & 0o777 == 0o700
