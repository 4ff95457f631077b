"""Merging the administrator's kubeconfig into what is there."""

from __future__ import annotations

import gzip
import io
import tarfile
from typing import Any

import click
import pytest

from talos.talosctl.kubeconfig import merge_into, unpack


def kubeconfig(name: str, server: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1", "kind": "Config", "current-context": f"admin@{name}",
        "clusters": [{"name": name, "cluster": {"server": server}}],
        "users": [{"name": f"admin@{name}", "user": {"token": server}}],
        "contexts": [{"name": f"admin@{name}", "context": {"cluster": name, "user": f"admin@{name}"}}],
    }  # fmt: skip


def test_another_cluster_is_added() -> None:
    old = kubeconfig("a", "https://a")
    assert merge_into(old, kubeconfig("b", "https://b"), force=False) == []
    assert [c["name"] for c in old["clusters"]] == ["a", "b"]
    assert old["current-context"] == "admin@b"


def test_same_again_changes_nothing() -> None:
    old = kubeconfig("a", "https://a")
    assert merge_into(old, kubeconfig("a", "https://a"), force=False) == []
    assert old == kubeconfig("a", "https://a")


def test_taken_name_is_renamed_with_what_refers_to_it() -> None:
    old = kubeconfig("a", "https://a")
    renamed = merge_into(old, kubeconfig("a", "https://new"), force=False)
    assert [(kind, after) for kind, _, after in renamed] == [
        ("cluster", "a-1"), ("user", "admin@a-1"), ("context", "admin@a-1")]  # fmt: skip
    assert old["contexts"][1] == {"name": "admin@a-1", "context": {"cluster": "a-1", "user": "admin@a-1"}}
    assert old["current-context"] == "admin@a-1"
    assert old["clusters"][0]["cluster"]["server"] == "https://a"


def test_force_replaces() -> None:
    old = kubeconfig("a", "https://a")
    assert merge_into(old, kubeconfig("a", "https://new"), force=True) == []
    assert [c["cluster"]["server"] for c in old["clusters"]] == ["https://new"]


def test_file_without_lists() -> None:
    old: dict[str, Any] = {"apiVersion": "v1", "kind": "Config", "clusters": None}
    merge_into(old, kubeconfig("a", "https://a"), force=False)
    assert old["clusters"] == kubeconfig("a", "https://a")["clusters"]


def test_unpack() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        info = tarfile.TarInfo("kubeconfig")
        info.size = 5
        tar.addfile(info, io.BytesIO(b"hello"))
    assert unpack(out.getvalue()) == "hello"
    for junk in (b"", b"junk", gzip.compress(b"junk"), out.getvalue()[:40]):
        with pytest.raises(click.ClickException):
            unpack(junk)
