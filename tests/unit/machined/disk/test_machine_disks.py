"""What of volumes this version does not carry out is refused when it is applied: mount points, file systems."""

from __future__ import annotations

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from talos.config import Config
from talos.machined.disk import installation
from talos.machined.disk.machine_disks import NAME_LIMIT


def config(*places: str, more: str = "") -> Config:
    disk = {"device": "/dev/sdb", "partitions": [{"mountpoint": place, "size": "1GiB"} for place in places]}
    return Config.decode(yaml.safe_dump({"version": "v1alpha1", "machine": {"type": "worker", "disks": [disk]}}) + more)


@pytest.mark.parametrize("place", ["/var/mnt/data", "/var/lib/longhorn", "/var/data", "/var/lib/kubelet-x", "/var/.x"])
def test_a_folder_of_ones_own(place: str) -> None:
    assert installation.refusal(config(place)) == ""


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("/data", "is no path below /var"),
        ("", "is no path below /var"),
        ("/var", "is no path below /var"),
        ("/var/mnt/data/", "is no path below /var"),
        ("/var/mnt//data", "is no path below /var"),
        ("/var/mnt/../../etc", "is no path below /var"),
        ("/var/..", "is no path below /var"),
        ("/var/./x", "is no path below /var"),
        ("/var/mnt/" + "x" * NAME_LIMIT, "at most 34 letters"),
        ("/var/lib", "/var/lib belongs to the system"),
        ("/var/lib/etcd", "uses /var/lib/etcd before disks are mounted"),
        ("/var/log/pods", "uses /var/log before disks are mounted"),
        ("/var/mnt", "take a folder below it"),
    ],
)
def test_what_is_refused(place: str, said: str) -> None:
    assert said in installation.refusal(config(place))


def test_one_place_for_two() -> None:
    assert installation.refusal(config("/var/mnt/data", "/var/mnt/data")) == (
        "d-mnt/data and d-mnt/data would both be mounted at /var/mnt/data"
    )
    data = "---\napiVersion: v1alpha1\nkind: UserVolumeConfig\nname: data\nvolumeType: directory\n"
    assert "u-data and d-mnt/data would both be mounted" in installation.refusal(config("/var/mnt/data", more=data))


@given(st.text())
def test_no_place_leads_out_of_var(text: str) -> None:
    if "\0" in text or installation.refusal(config(f"/var/{text}")):
        return
    assert ".." not in text.split("/") and len(text) <= NAME_LIMIT and not text.startswith("/")


@pytest.mark.parametrize(
    ("filesystem", "said"),
    [
        ("{type: ext4}", ""),
        ("{type: xfs, projectQuotaSupport: true}", ""),
        ("{type: btrfs}", "filesystem.type btrfs is not made by this version: its image has the mkfs of xfs, ext4 "
         "only"),
        ("{type: ext4, projectQuotaSupport: true}", "filesystem.projectQuotaSupport is of XFS, type is ext4"),
    ],
)
def test_file_systems_of_volumes(filesystem: str, said: str) -> None:
    text = f"apiVersion: v1alpha1\nkind: UserVolumeConfig\nname: x\nfilesystem: {filesystem}\n"
    text += "provisioning: {diskSelector: {match: 'true'}, minSize: 1GiB}\n"
    refused = installation.refusal(Config.decode(text))
    assert refused == (f"UserVolumeConfig x: {said}" if said else "")
