"""The decision: roles first, then revocation, then grants that only ever cut."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from talos import rbac
from talos.access.methods import matches, resolve
from talos.access.policy import NONE, Grant, Policy, Question

M = "/machine.MachineService/"
NOW = datetime(2026, 6, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def ask(
    policy: Policy, method: str, name: str = "alice", role: str = rbac.ADMIN, node: str = "cp-1", **more: object
) -> bool:
    fields = {"fingerprint": "ab" * 32, "serial": "1f", "node_names": frozenset({node}), **more}
    question = Question(method if method.startswith("/") else M + method, frozenset({role}), name, **fields)  # type: ignore[arg-type]
    decision = policy.decide(question, NOW)
    by_role = rbac.allowed(question.method, question.roles, question.maintenance)
    assert decision.allowed == (by_role and not policy.refusal(question, NOW))
    assert decision.allowed or decision.reason.startswith("not authorized")
    assert decision.steps
    return decision.allowed


def test_without_documents_roles_alone_decide() -> None:
    for method in rbac.METHODS:
        for role in rbac.KNOWN:
            assert ask(NONE, method, role=role) == rbac.allowed(method, {role})


def test_a_grant_cuts_its_names_to_what_it_lists() -> None:
    policy = Policy((Grant("ci", ("ci-*",), ("EtcdSnapshot", "MachineService/Etcd*List")),))
    assert ask(policy, "EtcdSnapshot", "ci-backup") and ask(policy, "EtcdMemberList", "ci-backup")
    assert not ask(policy, "Reboot", "ci-backup")
    assert ask(policy, "Reboot", "alice") and ask(policy, "Reboot", "")


@given(
    st.sampled_from(sorted(rbac.METHODS)),
    st.sampled_from(sorted(rbac.KNOWN)),
    st.lists(st.sampled_from(["*", "os:admin", "/*", "Reboot", "/machine.*"]), max_size=3),
)
def test_no_grant_gives_what_the_role_does_not(method: str, role: str, methods: list[str]) -> None:
    policy = Policy((Grant("all", ("*",), tuple(methods)),))
    assert not ask(policy, method, role=role) or rbac.allowed(method, {role})


def test_an_entry_may_be_all_methods_of_a_role() -> None:
    policy = Policy((Grant("bob", ("bob",), ("os:reader", "Reboot")),))
    assert ask(policy, "Version", "bob") and ask(policy, "Reboot", "bob") and not ask(policy, "Reset", "bob")


def test_grants_of_a_name_add_up() -> None:
    policy = Policy((Grant("a", ("bob",), ("Version",)), Grant("b", ("b*",), ("Reboot",), nodes=("worker-*",))))
    assert ask(policy, "Version", "bob")
    assert ask(policy, "Reboot", "bob", node="Worker-1") and not ask(policy, "Reboot", "bob", node="cp-1")
    assert ask(policy, "Reboot", "bob", node_names=None)  # passed on: the target decides


@pytest.mark.parametrize(
    ("before", "after", "allowed"),
    [(NOW - HOUR, NOW + HOUR, True), (NOW, None, True), (None, NOW, False), (NOW + HOUR, None, False)],
)
def test_a_grant_out_of_its_window_leaves_less_not_more(
    before: datetime | None, after: datetime | None, allowed: bool
) -> None:
    policy = Policy((Grant("temporary", ("bob",), ("*",), not_before=before, not_after=after),))
    assert ask(policy, "Version", "bob") is allowed
    assert ask(policy, "Version", "alice")


def test_the_next_change_is_the_next_end_of_a_window() -> None:
    grants = (Grant("a", not_before=NOW - HOUR, not_after=NOW + 2 * HOUR), Grant("b", not_before=NOW + HOUR))
    assert Policy(grants).next_change(NOW) == NOW + HOUR
    assert Policy(grants).next_change(NOW + 2 * HOUR) is None


@pytest.mark.parametrize("entry", ["Members.cluster.talos.dev", "members.*", "cluster/*", "*.cluster.talos.dev"])
def test_resource_types_are_limited_by_type_and_namespace(entry: str) -> None:
    policy = Policy((Grant("bob", ("bob",), ("cosi.resource.State/*",), resources=(entry,)),))
    get = "/cosi.resource.State/Get"
    assert ask(policy, get, "bob", resource=("cluster", "Members.cluster.talos.dev"))
    assert not ask(policy, get, "bob", resource=("secrets", "OSRootSecrets.secrets.talos.dev"))
    assert ask(policy, get, "bob", resource=("meta", "ResourceDefinitions.meta.cosi.dev"))


@pytest.mark.parametrize(
    "policy",
    [
        Policy(fingerprints=frozenset({"ab" * 32})),
        Policy(serials=frozenset({"1f"})),
        Policy(names=("ali*",)),
        Policy((Grant("all", ("*",), ("*",)),), names=("alice",)),
    ],
)
def test_a_revoked_certificate_may_nothing_at_all(policy: Policy) -> None:
    for method in rbac.METHODS:
        assert not ask(policy, method)
    assert not ask(policy, "/pytalos.access.AccessService/Explain")
    assert ask(policy, "Version", "bob", fingerprint="cd" * 32, serial="2")


def test_whoever_is_refused_by_grants_may_ask_why() -> None:
    policy = Policy((Grant("nothing", ("*",), ()),))
    question = Question("/pytalos.access.AccessService/Explain", frozenset({rbac.READER}), "bob", "ab" * 32)
    assert policy.refusal(question, NOW) == ""


def test_the_nodes_own_processes_have_no_certificate_to_revoke() -> None:
    policy = Policy((Grant("nothing", ("*",), ()),), names=("*",))
    assert ask(policy, "Version", "", fingerprint="")


@pytest.mark.parametrize("glob", ["Reboot", "Reb*", "MachineService/Reboot", "machine.MachineService/*", M + "Reboot"])
def test_methods_are_named_as_people_write_them(glob: str) -> None:
    assert matches(M + "Reboot", glob) and M + "Reboot" in resolve(glob.replace("*", "oot") if glob == "Reb*" else glob)
    assert not matches("/machine.ImageService/List", glob)


def test_an_unknown_path_stays_itself() -> None:
    assert resolve("/x.Y/Z") == ["/x.Y/Z"] and resolve("Nosuch") == []
