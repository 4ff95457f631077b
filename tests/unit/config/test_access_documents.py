"""Grants, revocations and sinks in a configuration: what is refused, what they mean; nobody gets them unasked."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from talos.access.policy import NONE, Grant, Policy
from talos.config import Config, ConfigError
from talos.config.generate import Input
from talos.config.secrets import Bundle
from talos.config.validate import validate
from talos.config.view.model import MachineType

HEAD = "apiVersion: pytalos.dev/v1alpha1\nkind: "
GRANT = HEAD + "GrantConfig\nname: ci\nsubjects: [ci-*]\nmethods: [EtcdSnapshot, os:reader]\n"
REVOKED = HEAD + "RevocationConfig\nname: lost\n"


def problems(text: str) -> str:
    try:
        return "\n".join(validate(Config.decode(text), "container"))
    except ConfigError as error:
        return str(error)


def test_documents_become_a_policy() -> None:
    digest = "AB:" * 31 + "AB"
    text = "---\n".join(
        (
            GRANT + 'nodes: ["10.0.0.*"]\nresources: [cluster/*]\nnotBefore: 2026-01-01T02:00:00+02:00\n',
            f"{REVOKED}fingerprints: ['{digest}']\nserials: ['00:1F']\nnames: [mallory]\n",
            HEAD + "AuditSinkConfig\nname: siem\nurl: udp://10.0.0.9:514\n",
        )
    )
    config = Config.decode(text)
    assert config.access.policy == Policy(
        (
            Grant(
                "ci",
                ("ci-*",),
                ("EtcdSnapshot", "os:reader"),
                ("cluster/*",),
                ("10.0.0.*",),
                datetime(2026, 1, 1, tzinfo=UTC),
                None,
            ),
        ),
        frozenset({"ab" * 32}),
        frozenset({"1f"}),
        ("mallory",),
    )
    assert [sink.url for sink in config.access.audit_sinks] == ["udp://10.0.0.9:514"]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (HEAD + "GrantConfig\nname: x\n", "subjects is required"),
        (HEAD + "GrantConfig\nsubjects: [a]\n", "name is required"),
        (GRANT.replace("EtcdSnapshot", "EtcdSnapshoot"), "methods[0]: 'EtcdSnapshoot' is no method"),
        (GRANT.replace("os:reader", "os:god"), "methods[1]"),
        (GRANT + "notAfter: tomorrow\n", "is no time with a zone"),
        (GRANT + "notAfter: 2026-01-01T00:00:00\n", "is no time with a zone"),
        (GRANT + "notBefore: 2027-01-01T00:00:00Z\nnotAfter: 2026-01-01T00:00:00Z\n", "never be in force"),
        (REVOKED, "nothing is revoked"),
        (REVOKED + "fingerprints: [abc]\n", "64 hexadecimal digits"),
        (REVOKED + "serials: [xyz]\n", "is no serial number"),
        (HEAD + "AuditSinkConfig\nname: a\nurl: https://x:1\n", "tcp://HOST:PORT"),
        (HEAD + "AuditSinkConfig\nname: a\nurl: tcp://host\n", "tcp://HOST:PORT"),
        (HEAD + "AuditSinkConfig\nname: a\n", "url is required"),
        (GRANT.replace("pytalos.dev/v1alpha1", "v1alpha1"), "only pytalos.dev/v1alpha1 is supported"),
        ("apiVersion: pytalos.dev/v1alpha1\nkind: SysctlConfig\n", "only v1alpha1 is supported"),
    ],
)
def test_a_fault_is_named(text: str, fault: str) -> None:
    assert fault in problems(text)


def test_locking_the_first_administrator_out_is_warned_of() -> None:
    everybody = GRANT.replace("ci-*", "'*'")
    assert "can no longer change" in problems(everybody)
    assert "can no longer change" not in problems(everybody.replace("os:reader", "os:admin"))
    assert "can no longer change" not in problems(GRANT)


def test_generated_configurations_have_none_of_them() -> None:
    made = Input(cluster_name="home", endpoint="https://10.0.0.2:6443", secrets=Bundle.generate())
    text = made.config(MachineType.CONTROL_PLANE).encode()
    assert "pytalos" not in text
    assert Config.decode(text).access.policy == NONE
