"""A cluster's key server: there while the cluster is, and gone with it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from talos.linux.process import ProcessId, alive
from talos.machined.disk import kms
from talos.provision import key_server
from talos.provision.configs import ConfigOptions
from talos.provision.flag_documents import documents
from talos.provision.model import WORKER, ClusterDirectory, ClusterModel, ProvisionError


@pytest.fixture
def cluster(tmp_path: Path) -> tuple[ClusterDirectory, ClusterModel]:
    directory = ClusterDirectory(tmp_path, "demo")
    directory.path.mkdir()
    return directory, ClusterModel("demo", "127.7.4.0/24", "127.7.4.1", 1500, "", "", "", "1.37.0")


def test_it_serves_on_the_clusters_address_until_it_is_ended(cluster: tuple[ClusterDirectory, ClusterModel]) -> None:
    directory, model = cluster
    key_server.kill(directory)  # there is none yet
    key_server.start(directory, model)
    record = json.loads(directory.key_server.read_text())
    process = ProcessId(record["pid"], record["start_time"])
    try:
        assert directory.key_server.stat().st_mode & 0o777 == 0o600
        assert directory.foreign() == []
        where = key_server.endpoint(model.gateway)
        assert kms.unseal(where, "one", kms.seal(where, "one", b"key")) == b"key"
        with pytest.raises(ProvisionError, match="does not listen"):
            other = ClusterDirectory(directory.path, "other")
            other.path.mkdir()
            model.gateway = "192.0.2.1"  # TEST-NET-1: no address of this host
            key_server.start(other, model)
    finally:
        key_server.kill(directory)
    assert not alive(process)
    key_server.kill(directory)


def test_nodes_are_told_where_it_is(cluster: tuple[ClusterDirectory, ClusterModel]) -> None:
    options = ConfigOptions(encrypted=("STATE",), encryption_keys=("kms", "uuid"))
    text = documents(cluster[1], options, WORKER)
    assert "endpoint: grpc://127.7.4.1:4050" in text and "nodeID" in text
