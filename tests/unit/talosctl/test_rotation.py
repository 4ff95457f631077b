"""Authorities in configurations of both layouts, secrets in bundles, and paths of upgrades."""

from __future__ import annotations

import base64

import click
import pytest
import yaml

from talos.talosctl.ca_subjects import KUBERNETES, TALOS, Document
from talos.talosctl.kubernetes_upgrade import KUBELET, STATIC, check_path, patch_for
from talos.talosctl.support_bundle import REMOVED, without_secrets

OLD, NEW = TALOS.new(), TALOS.new()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


CONTROL_PLANE = f"""\
version: v1alpha1 # a comment
machine:
    type: controlplane
    ca:
        crt: {b64(OLD.crt)}
        key: {b64(OLD.key)}
---
apiVersion: v1alpha1
kind: KubeAPIServerCAConfig
issuingCA:
    cert: |-
        old
    key: |-
        oldkey
"""
WORKER = f"""\
machine:
    type: worker
    ca:
        crt: {b64(OLD.crt)}
        key: ''
cluster:
    ca: {{crt: {b64(OLD.crt)}, key: ''}}
"""


def machine(document: Document) -> dict[str, object]:
    found: dict[str, object] = next(yaml.safe_load_all(document.text()))["machine"]
    return found


def test_a_control_plane_node_gets_certificate_and_key() -> None:
    document = Document(CONTROL_PLANE, TALOS, "a")
    assert document.current() == OLD
    document.accept(NEW.crt)
    document.accept(NEW.crt)
    assert machine(document)["acceptedCAs"] == [{"crt": b64(NEW.crt)}]
    document.issue(NEW)
    assert machine(document)["ca"] == {"crt": b64(NEW.crt), "key": b64(NEW.key)}
    assert machine(document)["acceptedCAs"] == [{"crt": b64(OLD.crt)}]
    document.forget(OLD.crt)
    assert "acceptedCAs" not in machine(document)
    assert "# a comment" in document.text()


def test_a_worker_never_gets_the_key() -> None:
    document = Document(WORKER, TALOS, "a")
    document.issue(NEW)
    assert b64(NEW.key) not in document.text()
    assert machine(document)["ca"] == {"crt": b64(NEW.crt), "key": ""}


def test_kubernetes_in_a_document_of_its_own_and_before() -> None:
    document = Document(CONTROL_PLANE, KUBERNETES, "a")
    document.issue(NEW)
    second = list(yaml.safe_load_all(document.text()))[1]
    assert second["issuingCA"] == {"cert": NEW.crt.decode(), "key": NEW.key.decode()}
    assert second["acceptedCAs"] == ["old"]
    legacy = Document(WORKER, KUBERNETES, "a")
    legacy.accept(NEW.crt)
    assert yaml.safe_load(legacy.text())["cluster"]["acceptedCAs"] == [{"crt": b64(NEW.crt)}]


def test_a_configuration_without_the_authority_is_refused() -> None:
    with pytest.raises(click.ClickException, match="node a"):
        Document("a: 1\n", TALOS, "a")


@pytest.mark.parametrize(("old", "new"), [("1.36.3", "1.37.2"), ("1.36.3", "1.36.1"), ("1.37.0-rc.1", "1.37.2")])
def test_paths_of_an_upgrade(old: str, new: str) -> None:
    check_path(old, new)


@pytest.mark.parametrize(("old", "new"), [("1.36.3", "1.38.0"), ("1.36.3", "1.35.0"), ("1.36.3", "2.36.0")])
def test_a_path_that_skips_a_version_is_refused(old: str, new: str) -> None:
    with pytest.raises(click.ClickException, match="one minor version"):
        check_path(old, new)


def test_an_image_is_set_where_the_configuration_has_it() -> None:
    new = yaml.safe_load(patch_for(STATIC[0], "x:v1", CONTROL_PLANE))
    assert new == {"apiVersion": "v1alpha1", "kind": "KubeAPIServerConfig", "image": "x:v1"}
    old = yaml.safe_load(patch_for(KUBELET, "x:v1", "machine: {kubelet: {image: y}}\n---\nkind: HostnameConfig\n"))
    assert old == {"machine": {"kubelet": {"image": "x:v1"}}}


@pytest.mark.parametrize(
    "secret",
    [
        OLD.key.decode(),
        f"key: {b64(OLD.key)}",
        "token: abcdef.0123456789abcdef",
        "  aescbcEncryptionSecret: hunter2",
        '  "password": "hunter2"',
        "msg: joined with abcdef.0123456789abcdef today",
        "privateKey: hunter2",
    ],
)
def test_secrets_do_not_leave(secret: str) -> None:
    shown = without_secrets(f"before: 1\n{secret}\nafter: 2\n")
    assert REMOVED in shown and "before: 1" in shown and "after: 2" in shown
    assert "hunter2" not in shown and "0123456789abcdef" not in shown and b64(OLD.key)[40:80] not in shown
    assert OLD.key.decode().splitlines()[1] not in shown


def test_what_is_no_secret_stays() -> None:
    text = "secretName: web\nimagePullSecrets:\n- name: x\ntolerations:\n- key: a\n  operator: Exists\n"
    assert without_secrets(text) == text
