"""What an account is given, what it is refused, and when its Secret is written anew."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talos.client.config import TalosConfig
from talos.controllers.kubeaccess.account import (
    NAME_LIMIT,
    RENEW_BEFORE,
    VALIDITY,
    Rules,
    common_name,
    owned_by,
    owners,
    roles_of,
    secret_of,
)
from talos.controllers.kubeaccess.service import endpoint_slices
from talos.pki import certificates

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
CA, OTHER_CA = certificates.new_authority("talos", now=NOW), certificates.new_authority("talos", now=NOW)
RULES = Rules(("backup", "kube-system"), ("os:reader", "os:etcd:backup"), CA, CA.crt)

names = st.from_regex(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True)


def account(*roles: str, name: str = "job", namespace: str = "backup", uid: str = "u-1") -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace, "uid": uid}, "spec": {"roles": list(roles)}}


TEXT = RULES.talosconfig(account("os:reader"), NOW)


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (account("os:reader"), None),
        (account("os:etcd:backup", "os:reader"), None),
        (account("os:reader", namespace="default"), "Namespace is not allowed: default"),
        (account("os:admin"), "Roles not allowed: [os:admin]"),
        (account("os:reader", "os:admin", "os:operator"), "Roles not allowed: [os:admin os:operator]"),
        (account(), "Roles not found"),
        ({"metadata": {"name": "a", "namespace": "backup"}}, "Roles not found"),
        ({"metadata": {"name": "a", "namespace": "backup"}, "spec": {"roles": "os:reader"}}, "Roles not found"),
        ({"metadata": {"name": "a", "namespace": "backup"}, "spec": {"roles": [1]}}, "Roles not found"),
    ],
)
def test_only_what_the_configuration_allows(asked: dict[str, Any], message: str | None) -> None:
    refusal = RULES.refusal(asked)
    assert (refusal.message if refusal else None) == message


def test_the_talosconfig_names_account_and_roles_and_ends_soon() -> None:
    text = RULES.talosconfig(account("os:reader"), NOW)
    context = TalosConfig.parse(text).select()
    certificate = certificates.load_certificate(context.crt)
    assert context.endpoints == ["talos.default"] and context.ca == CA.crt
    assert certificates.organizations(context.crt) == ["os:reader"]
    assert certificates.common_name(context.crt) == "serviceaccount:backup/job"
    assert certificate.not_valid_after_utc - certificate.not_valid_before_utc == timedelta(hours=6)
    assert certificates.issued_by(context.crt, CA.crt)


@given(st.integers(-3600, 7 * 3600))
def test_a_certificate_serves_until_an_hour_before_its_end(seconds: int) -> None:
    mine = account("os:reader")
    later = NOW + timedelta(seconds=seconds)
    # Before its making stands for a clock that was set back: it would live longer than any that is made now.
    assert RULES.serves(TEXT, mine, later) == (0 <= seconds < (VALIDITY - RENEW_BEFORE).total_seconds())


def test_another_role_name_or_authority_asks_for_a_new_one() -> None:
    text = TEXT
    assert RULES.serves(text, account("os:reader"), NOW)
    assert not RULES.serves(text, account("os:reader", "os:etcd:backup"), NOW)
    assert not RULES.serves(text, account("os:reader", name="other"), NOW)
    rotated = Rules(RULES.namespaces, RULES.roles, OTHER_CA, CA.crt + OTHER_CA.crt)
    assert not rotated.serves(text, account("os:reader"), NOW)
    accepted_more = Rules(RULES.namespaces, RULES.roles, CA, CA.crt + OTHER_CA.crt)
    assert not accepted_more.serves(text, account("os:reader"), NOW)


@given(st.text(max_size=300))
def test_whatever_lies_in_the_secret_is_only_judged(text: str) -> None:
    assert not RULES.serves(text, account("os:reader"), NOW)


@given(st.floats(0, 1, exclude_max=True), st.characters(codec="ascii"))
def test_a_talosconfig_with_a_changed_byte_never_passes_for_another(where: float, byte: str) -> None:
    position = int(where * len(TEXT))
    changed = TEXT[:position] + byte + TEXT[position + 1 :]
    if RULES.serves(changed, account("os:reader"), NOW):  # white space, bits that base64 and PEM leave unused
        was, now = TalosConfig.parse(TEXT).select(), TalosConfig.parse(changed).select()
        assert now.endpoints == was.endpoints
        assert certificates.load_certificate(now.crt) == certificates.load_certificate(was.crt)
        assert certificates.matches(certificates.Pair(now.crt, now.key))


@given(names, st.lists(names, min_size=1, max_size=3).map(".".join))
def test_common_names_fit_and_differ(namespace: str, name: str) -> None:
    mine = account("os:reader", name=name, namespace=namespace)
    other = account("os:reader", name=f"{name}x", namespace=namespace)
    assert len(common_name(mine)) <= NAME_LIMIT and common_name(mine) != common_name(other)


@given(st.lists(st.sampled_from(["os:reader", "os:admin", "os:etcd:backup"])))
def test_each_role_once(roles: list[str]) -> None:
    assert roles_of(account(*roles)) == list(dict.fromkeys(roles))


def test_a_secret_belongs_to_the_account_that_made_it_and_to_no_later_one() -> None:
    mine = account("os:reader")
    secret = secret_of(mine, {"config": ""})
    assert owned_by(secret, mine) and list(owners(secret))
    assert not owned_by(secret, account("os:reader", uid="u-2"))
    foreign = {"metadata": {"ownerReferences": [{"kind": "ServiceAccount", "apiVersion": "v1", "uid": "u-1"}]}}
    assert not owned_by(foreign, mine) and not list(owners(foreign))
    assert not owned_by({"metadata": {}}, mine)


@given(st.lists(st.ip_addresses().map(str)))
def test_a_slice_for_each_family(addresses: list[str]) -> None:
    slices = endpoint_slices(addresses)
    assert list(slices) == ["talos-ipv4", "talos-ipv6"]
    told = [e["addresses"][0] for item in slices.values() if item for e in item["endpoints"]]
    assert sorted(told) == sorted(set(addresses))
    for item in slices.values():
        assert item is None or item["endpoints"]
