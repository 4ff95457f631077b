"""Renewal of client certificates: when, what is kept, and that it never stands in the way of a command."""

from __future__ import annotations

import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from grpclib.const import Status

from talos.api import machine_pb2
from talos.api import pytalos_access_pb2 as pb
from talos.client import ApiError, Client, Context, TalosConfig
from talos.pki import certificates, keys
from talos.pki.certificates import Pair, Usage
from talos.pki.requests import load_request
from talos.talosctl import renewal
from talos.talosctl.session import Session

NOW = datetime.now(UTC)
DAY = timedelta(days=1)
AUTHORITY = certificates.new_authority("talos")


def pair(name: str = "alice", begun: datetime = NOW - 80 * DAY, life: timedelta = 90 * DAY) -> Pair:
    return certificates.issue_pair(
        AUTHORITY, common_name=name, organizations=["os:operator"], usage=Usage.CLIENT, validity=life, now=begun
    )


@pytest.mark.parametrize(
    "life", [timedelta(hours=1), 90 * DAY, 365 * DAY, 365 * 40 * DAY], ids=["hour", "quarter", "year", "past 2050"]
)
def test_the_validity_is_found_without_loading_cryptography(life: timedelta) -> None:
    made = pair(life=life)
    loaded = certificates.load_certificate(made.crt)
    assert renewal.validity(made.crt) == (loaded.not_valid_before_utc, loaded.not_valid_after_utc)


@pytest.mark.parametrize("crt", [b"", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", b"\xff" * 99])
def test_what_is_no_certificate_is_never_due(crt: bytes) -> None:
    assert not renewal.due(crt, NOW)


@pytest.mark.parametrize(("age", "due"), [(0, False), (59, False), (61, True), (89, True), (91, False)])
def test_it_is_due_in_the_last_third_of_its_life(age: int, due: bool) -> None:
    assert renewal.due(pair(begun=NOW - age * DAY).crt, NOW) is due


class Node:
    """Signs what it is asked for, like a node of ours or of Talos."""

    def __init__(self, ours: bool = True, name: str = "alice", fails: Exception | None = None) -> None:
        self.ours, self.name, self.fails, self.asked = ours, name, fails, 0

    async def call(self, path: str, request: Any, **_: Any) -> Any:
        self.asked += 1
        if self.fails is not None:
            raise self.fails
        if path == renewal.RENEW:
            if not self.ours:
                raise ApiError(Status.UNIMPLEMENTED, "unknown service")
            public = load_request(request.csr).public_key()
            crt = certificates.issue(
                AUTHORITY,
                cast(Any, public),
                common_name=self.name,
                organizations=["os:operator"],
                usage=Usage.CLIENT,
            )
            return pb.RenewResponse(crt=crt)
        made = certificates.api_client(AUTHORITY, list(request.roles))
        message = machine_pb2.GenerateClientConfiguration(crt=made.crt, key=made.key)
        return machine_pb2.GenerateClientConfigurationResponse(messages=[message])

    async def aclose(self) -> None: ...


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "talosconfig"
    old = pair()
    context = Context(["10.0.0.2"], ["10.0.0.3"], AUTHORITY.crt, old.crt, old.key, {"cluster": "x"})
    TalosConfig("home", {"home": context, "other": Context(["10.1.0.2"])}).save(path)
    return path


def run(config: Path, node: Node, answer: Any = "done") -> Any:
    session = Session(talosconfig=config)
    session.selected()
    session._clients[""] = cast(Client, node)

    async def command() -> Any:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return session.run(command)


def test_behind_a_command_the_certificate_and_key_are_replaced(config: Path) -> None:
    before = TalosConfig.load(config)
    assert run(config, Node()) == "done"
    after = TalosConfig.load(config)
    new = after.contexts["home"]
    assert new.crt != before.contexts["home"].crt
    assert certificates.matches(Pair(new.crt, new.key))
    new.crt, new.key = before.contexts["home"].crt, before.contexts["home"].key
    assert after == before  # nothing else has changed
    assert stat.S_IMODE(config.stat().st_mode) == 0o600
    assert [path.name for path in config.parent.iterdir()] == ["talosconfig"]


def test_a_node_of_talos_renews_an_administrator_without_a_name(config: Path) -> None:
    whole = TalosConfig.load(config)
    old = pair(name="")
    whole.contexts["home"].crt, whole.contexts["home"].key = old.crt, old.key
    whole.save(config)
    run(config, Node(ours=False))
    assert TalosConfig.load(config).contexts["home"].crt != old.crt
    assert keys.decode(TalosConfig.load(config).contexts["home"].key)


@pytest.mark.parametrize(
    "node",
    [
        Node(fails=ApiError(Status.PERMISSION_DENIED, "not authorized")),
        Node(fails=RuntimeError("anything")),
        Node(name="mallory"),  # another name than before
        Node(ours=False),  # would lose the name
    ],
)
def test_what_fails_changes_nothing_and_no_command(config: Path, node: Node) -> None:
    text = config.read_text()
    assert run(config, node) == "done"
    assert node.asked and config.read_text() == text


def test_not_behind_a_command_that_failed(config: Path) -> None:
    node = Node()
    with pytest.raises(ApiError):
        run(config, node, ApiError(Status.UNAVAILABLE, "down"))
    assert node.asked == 0


def test_it_can_be_turned_off(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    node = Node()
    monkeypatch.setenv(renewal.SWITCH, "off")
    run(config, node)
    assert node.asked == 0


def test_a_context_that_changed_meanwhile_stays(config: Path) -> None:
    text = config.read_text()
    other = pair()
    renewal.store(config, "home", b"what it was before", other.crt, other.key)
    renewal.store(config, "nosuch", b"", other.crt, other.key)
    assert config.read_text() == text
