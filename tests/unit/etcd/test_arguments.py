"""etcd's command line against a genuine node's."""

from __future__ import annotations

import pytest

from talos.config.node_owned import FLAGS
from talos.etcd.arguments import DENIED, InitialCluster, etcd_arguments
from talos.kubernetes.arguments import DeniedArgumentError

GENUINE = (
    "--advertise-client-urls=https://10.77.0.2:2379 --auto-tls=false --cert-file=/system/secrets/etcd/server.crt "
    "--client-cert-auth=true --data-dir=/var/lib/etcd --feature-gates=InitialCorruptCheck=true "
    "--feature-gates=CompactHashCheck=true --initial-advertise-peer-urls=https://10.77.0.2:2380 "
    "--initial-cluster=talos1=https://10.77.0.2:2380 --initial-cluster-state=new "
    "--key-file=/system/secrets/etcd/server.key --listen-client-http-urls=https://0.0.0.0:2383 "
    "--listen-client-urls=https://0.0.0.0:2379 --listen-peer-urls=https://0.0.0.0:2380 --name=talos1 "
    "--peer-auto-tls=false --peer-cert-file=/system/secrets/etcd/peer.crt --peer-client-cert-auth=true "
    "--peer-key-file=/system/secrets/etcd/peer.key --peer-trusted-ca-file=/system/secrets/etcd/ca.crt "
    "--tls-min-version=TLS1.3 --trusted-ca-file=/system/secrets/etcd/ca.crt --watch-progress-notify-interval=5s"
)


def arguments(initial: InitialCluster | None, **extra: str | list[str]) -> list[str]:
    return etcd_arguments(
        name="talos1",
        advertised=["10.77.0.2"],
        listen_peer=["0.0.0.0"],
        listen_client=["0.0.0.0"],
        extra_args={name.replace("_", "-"): value for name, value in extra.items()},
        initial=initial,
    )


def test_founding_member_is_started_as_a_genuine_one() -> None:
    assert " ".join(arguments(InitialCluster([("talos1", "https://10.77.0.2:2380")], new=True))) == GENUINE


def test_a_member_with_data_needs_no_initial_cluster() -> None:
    assert not [a for a in arguments(None) if a.startswith("--initial-cluster")]


def test_joining_member_names_all_members() -> None:
    members = [("a", "https://10.0.0.1:2380"), ("talos1", "https://10.77.0.2:2380")]
    given = arguments(InitialCluster(members, new=False))
    assert "--initial-cluster=a=https://10.0.0.1:2380,talos1=https://10.77.0.2:2380" in given
    assert "--initial-cluster-state=existing" in given


def test_ipv6_addresses_stand_in_brackets() -> None:
    given = etcd_arguments(
        name="n",
        advertised=["fd00::1"],
        listen_peer=["::"],
        listen_client=["::"],
        extra_args={},
        initial=None,
    )
    assert "--advertise-client-urls=https://[fd00::1]:2379" in given


def test_a_configuration_is_refused_for_the_same_flags() -> None:
    assert set(FLAGS["etcd"]) == DENIED


@pytest.mark.parametrize("flag", sorted(DENIED))
def test_identity_trust_and_membership_are_not_the_users(flag: str) -> None:
    with pytest.raises(DeniedArgumentError, match=flag):
        arguments(None, **{flag.replace("-", "_"): "x"})


def test_extra_arguments_replace_and_feature_gates_add() -> None:
    given = arguments(None, listen_metrics_urls=["http://a", "http://b"], feature_gates="X=true")
    assert "--listen-metrics-urls=http://a" in given
    assert "--listen-metrics-urls=http://b" in given
    assert "--feature-gates=InitialCorruptCheck=true,CompactHashCheck=true,X=true" in given
