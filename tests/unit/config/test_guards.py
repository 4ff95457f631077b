"""Each guard stands against the change it is for, and against nothing else."""

from __future__ import annotations

import pytest

from talos.config import Config
from talos.config.generate import Input
from talos.config.guards import GUARDS, violations
from talos.config.patch import apply_patches_to_text
from talos.config.secrets import Bundle
from talos.config.view.model import MachineType

HEAD = "apiVersion: v1alpha1\nkind: "
MINE, OTHER = Bundle.generate(), Bundle.generate()


def made(machine_type: MachineType, secrets: Bundle = MINE, endpoint: str = "https://10.5.0.2:6443") -> Config:
    return Input(cluster_name="demo", endpoint=endpoint, secrets=secrets).config(machine_type)


CONTROL_PLANE, WORKER = made(MachineType.CONTROL_PLANE), made(MachineType.WORKER)


def patched(config: Config, *patches: str) -> Config:
    return Config.decode(apply_patches_to_text(config.encode(), list(patches)))


def guards(before: Config, after: Config) -> list[str]:
    return [v.guard for v in violations(before, after)]


def certificate(bundle: Bundle) -> str:
    ca = made(MachineType.CONTROL_PLANE, bundle).machine.ca.issuing
    assert ca is not None
    return ca.crt.decode()


@pytest.mark.parametrize("config", [CONTROL_PLANE, WORKER])
@pytest.mark.parametrize(
    "patch",
    [
        "debug: true\n",
        f"{HEAD}SysctlConfig\nparams: {{a.b: c}}\n",
        f"{HEAD}KubeNodeConfig\nlabels: {{a: b}}\n",
        f"{HEAD}StaticHostConfig\nname: 10.1.1.1\nhostnames: [a]\n",
        f"{HEAD}KubeClusterConfig\nendpoint: https://10.5.0.9:6443\n",  # whether it answers the node asks itself
        f"{HEAD}KubeNetworkConfig\npodSubnets: [10.244.0.0/16, 'fd00::/56']\n",
    ],
)
def test_a_harmless_change_meets_no_guard(config: Config, patch: str) -> None:
    assert guards(config, patched(config, patch)) == []
    assert guards(patched(config, patch), config) in ([], ["subnets"])


def test_a_role_is_kept() -> None:
    assert guards(CONTROL_PLANE, WORKER) == ["machine-type"]
    assert guards(WORKER, CONTROL_PLANE) == ["machine-type"]  # of the same cluster: its control plane grows


@pytest.mark.parametrize("changed", ["secrets", "endpoint"])
def test_a_worker_does_not_become_its_own_control_plane(changed: str) -> None:
    after = (
        made(MachineType.CONTROL_PLANE, OTHER)
        if changed == "secrets"
        else made(MachineType.CONTROL_PLANE, MINE, "https://10.5.0.3:6443")
    )
    assert guards(WORKER, after)[:2] == ["machine-type", "own-control-plane"]


def test_the_authorities_are_not_lost() -> None:
    found = guards(CONTROL_PLANE, made(MachineType.CONTROL_PLANE, OTHER))
    assert found == ["machine-ca", "cluster-ca", "etcd-ca", "encryption-key", "cluster-id"]


def test_an_authority_is_replaced_in_steps() -> None:
    """What rotate-ca does: accept the new one, issue with the new one and accept the old, forget the old."""

    def accepted(bundle: Bundle) -> str:
        lines = "".join(f"          {line}\n" for line in certificate(bundle).splitlines())
        return f"machine:\n  acceptedCAs:\n    - crt: {_b64(certificate(bundle))}\n" if lines else ""

    other = made(MachineType.CONTROL_PLANE, OTHER).machine.ca.issuing
    assert other is not None
    both = patched(CONTROL_PLANE, accepted(OTHER))
    issuing = f"machine:\n  ca:\n    crt: {_b64(other.crt.decode())}\n    key: {_b64(other.key.decode())}\n"
    swapped = patched(CONTROL_PLANE, issuing, accepted(MINE))
    done = patched(CONTROL_PLANE, issuing)
    assert [guards(CONTROL_PLANE, both), guards(both, swapped), guards(swapped, done)] == [[], [], []]
    assert guards(CONTROL_PLANE, done) == ["machine-ca"]


def _b64(text: str) -> str:
    import base64

    return base64.b64encode(text.encode()).decode()


LINK = f"{HEAD}LinkConfig\nname: eth1\naddresses:\n  - address: 10.5.0.2/24\n"


def test_the_endpoint_is_not_given_up() -> None:
    with_address = patched(CONTROL_PLANE, LINK)
    assert guards(with_address, CONTROL_PLANE) == ["endpoint"]
    assert guards(with_address, patched(CONTROL_PLANE, LINK.replace("eth1", "eth2"))) == []
    legacy = Input(cluster_name="demo", endpoint="https://10.5.0.2:6443", secrets=MINE, talos_version="v1.13").config(
        MachineType.WORKER
    )
    assert "endpoint" in guards(legacy, patched(legacy, "cluster:\n  controlPlane:\n    $patch: delete\n"))


def test_keys_of_what_is_encrypted_are_kept() -> None:
    mine = CONTROL_PLANE.kubernetes.etcd_encryption
    assert mine is not None
    secret = mine["resources"][0]["providers"][0]["secretbox"]["keys"][0]["secret"]
    key = f"- {{name: key9, secret: {'A' * 43}=}}\n            - {{name: key2, secret: {secret}}}"

    def text(keys: str) -> str:
        return (
            f"{HEAD}KubeEtcdEncryptionConfig\nconfig:\n  resources:\n    - resources: [secrets]\n      providers:\n"
            f"        - secretbox:\n            keys:\n            {keys}\n"
        )

    documents = [d for d in CONTROL_PLANE.documents if d.KIND != "KubeEtcdEncryptionConfig"]

    def with_keys(keys: str) -> Config:
        return Config([*documents, *Config.decode(text(keys)).documents])

    assert guards(CONTROL_PLANE, with_keys(key)) == []
    assert guards(with_keys(key), CONTROL_PLANE) == ["encryption-key"]


def test_subnets_in_use_are_kept() -> None:
    after = patched(CONTROL_PLANE, f"{HEAD}KubeNetworkConfig\nserviceSubnets: [10.97.0.0/16]\n")
    (found,) = violations(CONTROL_PLANE, after)
    assert found == ("subnets", "service subnet 10.96.0.0/12 would be replaced by 10.97.0.0/16")


BLOCK = f"{HEAD}NetworkDefaultActionConfig\ningress: block\n"
RULE = (
    f"{HEAD}NetworkRuleConfig\nname: api\nportSelector:\n  ports: [{{}}]\n  protocol: tcp\n"
    "ingress:\n  - subnet: 0.0.0.0/0\n"
)


def test_the_api_is_not_blocked() -> None:
    assert guards(WORKER, patched(WORKER, BLOCK)) == ["firewall"]
    assert guards(WORKER, patched(WORKER, BLOCK, RULE.format("6443"))) == ["firewall"]
    for ports in ("50000", "1-65535"):
        assert guards(WORKER, patched(WORKER, BLOCK, RULE.format(ports))) == []
    blocked = patched(WORKER, BLOCK)
    assert guards(blocked, patched(blocked, "debug: true\n")) == []  # it was so before


def test_every_guard_of_the_table_is_met_by_some_change() -> None:
    met = {"endpoint", "subnets", "firewall", *guards(WORKER, made(MachineType.CONTROL_PLANE, OTHER))}
    met.update(guards(CONTROL_PLANE, made(MachineType.CONTROL_PLANE, OTHER)))
    assert met | {"etcd-quorum"} == set(GUARDS)


def test_what_nothing_runs_in_may_change() -> None:
    alone = Input(
        cluster_name="demo",
        endpoint="https://10.5.0.2:6443",
        secrets=Bundle.generate(kubernetes=False),
        kubernetes=False,
    ).config(MachineType.CONTROL_PLANE)
    patch = "apiVersion: v1alpha1\nkind: KubeNetworkConfig\npodSubnets: [10.99.0.0/16]\n"
    assert violations(alone, Config.decode(apply_patches_to_text(alone.encode(), [patch]))) == []
