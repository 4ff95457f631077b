"""Faults are named with document, key and line; all of them at once."""

from __future__ import annotations

import pytest

from talos.config import Config, ConfigError
from talos.config.duration import Duration
from talos.config.forms import byte_size

HEAD = "apiVersion: v1alpha1\n"

BAD: list[tuple[str, str]] = [
    # document level
    ("", "no configuration"),
    ("# only a comment\n", "no configuration"),
    ("- a\n", "line 1, column 1: a document must be a mapping"),
    ("just text", "the string 'just text'"),
    ("a: [1\n", "not valid YAML"),
    (HEAD + "name: x\n", "no kind"),
    ("kind: LinkConfig\nname: x\n", "apiVersion (none)"),
    ("apiVersion: v1\nkind: LinkConfig\n", "only v1alpha1 is supported"),
    (HEAD + "kind: LinkConfg\n", "did you mean LinkConfig"),
    (HEAD + "kind: v1alpha1\n", "unknown document kind"),
    ("version: v1beta1\nmachine: {}\n", "version 'v1beta1' is not supported"),
    (
        f"{HEAD}kind: LinkConfig\nname: a\n---\n{HEAD}kind: LinkConfig\nname: a\n",
        "document LinkConfig 'a' stands twice: at line 1, column 1 and at line 5, column 1",
    ),
    (f"{HEAD}kind: HostnameConfig\n---\n{HEAD}kind: HostnameConfig\n", "document HostnameConfig stands twice"),
    # keys
    ("machine:\n  colour: blue\n", "machine.colour (line 2, column 3): unknown key"),
    ("machine:\n  tokken: x\n", "did you mean token"),
    ("machine:\n  token: a\n  token: b\n", "machine.token (line 3, column 3): key stands twice"),
    (f"{HEAD}kind: SysctlConfig\nparams:\n  a: 1\n  a: 2\n", "params.a (line 5, column 3): key stands twice"),
    (
        f"{HEAD}kind: KubeAuditPolicyConfig\nconfiguration:\n  a: 1\n  a: 2\n",
        "configuration.a (line 5, column 3): key stands twice",
    ),
    (
        f"{HEAD}kind: KubeAuditPolicyConfig\nconfiguration:\n  x:\n    a: 1\n    a: 2\n",
        "line 6, column 5: key 'a' stands twice",
    ),
    ("? [a]\n: b\n", "a key must be plain text"),
    # shapes
    ("machine: x\n", "machine (line 1, column 10): expected a mapping, not the string 'x'"),
    ("machine:\n  certSANs: x\n", "expected a list"),
    ("machine:\n  sysctls: [a]\n", "expected a mapping, not a list"),
    ("machine:\n  token: {}\n", "expected text, not a mapping"),
    ("debug: 1\n", "expected true or false, not the integer '1'"),
    ("debug: 'true'\n", "expected true or false, not the string 'true'"),
    # scalars by kind
    (f"{HEAD}kind: LinkConfig\nname: e\nmtu: -1\n", "out of range: 0 to 4294967295"),
    (f"{HEAD}kind: LinkConfig\nname: e\nmtu: 1.5\n", "expected a whole number"),
    (f"{HEAD}kind: LinkConfig\nname: e\naddresses:\n  - address: 10.0.0.1\n", "has no prefix length"),
    (
        f"{HEAD}kind: LinkConfig\nname: e\naddresses:\n  - address: 10.0.0.1/33\n",
        "addresses[0].address (line 5, column 14)",
    ),
    (f"{HEAD}kind: LinkConfig\nname: e\nroutes:\n  - gateway: x\n", "routes[0].gateway"),
    (f"{HEAD}kind: VLANConfig\nname: v\nvlanID: 70000\n", "out of range: 0 to 65535"),
    (f"{HEAD}kind: VLANConfig\nname: v\nvlanMode: qinq\n", "not one of 802.1q, 802.1ad"),
    (f"{HEAD}kind: BondConfig\nname: b\nbondMode: fast\n", "not one of balance-rr"),
    (f"{HEAD}kind: DummyLinkConfig\nname: d\nhardwareAddr: zz\n", "no hardware address"),
    (f"{HEAD}kind: WireguardConfig\nname: w\npeers:\n  - endpoint: '::1:80'\n", "stands in brackets"),
    (f"{HEAD}kind: FilesystemTrimConfig\ninterval: 5\n", "number with a unit"),
    (f"{HEAD}kind: FilesystemTrimConfig\ninterval: 5 minutes\n", "no duration"),
    (f"{HEAD}kind: VolumeConfig\nname: STATE\nprovisioning:\n  minSize: big\n", "no size"),
    (f"{HEAD}kind: VolumeConfig\nname: STATE\nprovisioning:\n  maxSize: 120%\n", "no percentage"),
    (f"{HEAD}kind: NetworkRuleConfig\nname: r\nportSelector:\n  ports: [90-80]\n", "the lower one first"),
    (f"{HEAD}kind: NetworkDefaultActionConfig\ningress: maybe\n", "not one of accept, block"),
    (f"{HEAD}kind: RoutingRuleConfig\nname: r\ntable: extra\n", "no routing table"),
    (f"{HEAD}kind: EtcFileConfig\nname: f\nmode: 0o17777\n", "out of range"),
    (f"{HEAD}kind: KubeClusterConfig\nendpoint: 'https://a b'\n", "contains white space"),
    (f"{HEAD}kind: KubeClusterConfig\nendpoint: 'https://a:99999'\n", "endpoint (line 3, column 11)"),
    ("machine:\n  ca:\n    crt: '%%%'\n", "machine.ca.crt (line 3, column 10): not valid base64"),
]


@pytest.mark.parametrize(("text", "message"), BAD)
def test_bad(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config.decode(text)
    assert message in str(caught.value)


def test_every_fault_is_reported_with_its_line() -> None:
    with pytest.raises(ConfigError) as caught:
        Config.decode("machine:\n  a: 1\n  b: 2\ndebug: maybe\n")
    assert [p for p in caught.value.problems if "document v1alpha1 (line 1, column 1)" in p] == list(
        caught.value.problems
    )
    places = [p.split("line ")[2].split(")")[0] for p in caught.value.problems]
    assert places == ["2, column 3", "3, column 3", "4, column 8"]


def test_faults_of_all_documents_are_reported() -> None:
    link, unknown = f"{HEAD}kind: LinkConfig\n", f"{HEAD}kind: Lnk\n"
    text = f"{link}name: a\nmtu: x\n---\n{unknown}---\nmachine: 1\n---\n{link}up: 3\n"
    with pytest.raises(ConfigError) as caught:
        Config.decode(text)
    assert [p.split(": ")[0] for p in caught.value.problems] == [
        "document LinkConfig 'a' (line 1, column 1)",
        "line 6, column 1",
        "document v1alpha1 (line 9, column 1)",
        "document LinkConfig (line 11, column 1)",
    ]


def test_bytes_that_are_no_text() -> None:
    with pytest.raises(ConfigError, match="line 2, column 10: the text is not UTF-8"):
        Config.decode(b"machine:\n  token: \xff\n")


def test_yaml_11_words_are_booleans_only_where_booleans_belong() -> None:
    config = Config.decode("debug: on\nmachine:\n  token: on\n  sysctls: {a: yes, b: 010, c: 1.10}\n")
    document = config.documents[0]
    assert document.debug is True  # type: ignore[attr-defined]
    assert config.machine.token == "on"
    assert config.machine.sysctls == {"a": "yes", "b": "010", "c": "1.10"}


def test_merge_keys_and_anchors() -> None:
    config = Config.decode(
        f"{HEAD}kind: KubeNodeConfig\nnodeIP: {{}}\nlabels: &l {{a: b}}\nannotations:\n  <<: *l\n  c: d\n"
    )
    assert config.kubelet.node.annotations == {"a": "b", "c": "d"}


def test_null_is_the_same_as_nothing() -> None:
    config = Config.decode("version: v1alpha1\nmachine:\n  certSANs: null\n  kubelet: ~\n  token:\ncluster: null\n")
    assert config.machine.cert_sans == ()
    assert config.machine.token == ""


def test_comments_stay_in_the_text_only() -> None:
    text = "# mine\nmachine:\n    token: x # secret\n"
    config = Config.decode(text)
    assert config.text == text
    assert "#" not in config.encode()


def test_the_same_name_in_different_kinds_is_two_documents() -> None:
    text = f"{HEAD}kind: LinkConfig\nname: a\n---\n{HEAD}kind: DHCPv4Config\nname: a\n"
    assert len(Config.decode(text)) == 2


@pytest.mark.parametrize(
    ("text", "nanoseconds", "canonical"),
    [
        ("168h", 604_800_000_000_000, "168h0m0s"),
        ("1h30m", 5_400_000_000_000, "1h30m0s"),
        ("90s", 90_000_000_000, "1m30s"),
        ("1.5s", 1_500_000_000, "1.5s"),
        ("500ms", 500_000_000, "500ms"),
        ("1.5us", 1_500, "1.5µs"),
        ("0", 0, "0s"),
        ("-5m", -300_000_000_000, "-5m0s"),
        ("1ns", 1, "1ns"),
        (".5s", 500_000_000, "500ms"),
    ],
)
def test_durations(text: str, nanoseconds: int, canonical: str) -> None:
    assert Duration.parse(text) == nanoseconds
    assert str(Duration(nanoseconds)) == canonical
    assert Duration.parse(canonical) == nanoseconds


def test_sizes() -> None:
    assert byte_size("10GiB") == 10 * 1024**3
    assert byte_size("10GB") == 10 * 1000**3
    assert byte_size("1.5kB") == 1500
    assert byte_size("7") == 7
