"""What a debug container is made of, and what image verification says; the real thing is in tests/cluster."""

from __future__ import annotations

import pytest
from grpclib import GRPCError, Status

from talos.config.security.image_verification_config import ImagePublicKeyVerifier, ImageVerificationRule
from talos.machined import debug_spec, image_config, image_verification

# Layer digests of the image specification's own description of ChainID: one layer is its own chain.
A = "sha256:" + "a" * 64
B = "sha256:" + "b" * 64


def test_a_chain_of_one_layer_is_the_layer_and_of_two_the_digest_of_both() -> None:
    import hashlib

    assert image_config.chain_id([A]) == A
    assert image_config.chain_id([A, B]) == "sha256:" + hashlib.sha256(f"{A} {B}".encode()).hexdigest()


def test_an_images_command_is_its_entry_point_and_arguments() -> None:
    config = image_config.parse(
        {"config": {"Entrypoint": ["/a"], "Cmd": ["b"], "Env": ["X=1"]}, "rootfs": {"diff_ids": [A]}}
    )
    assert (config.command, config.env, config.working_dir) == (["/a", "b"], ["X=1"], "/")
    assert image_config.parse({"config": None, "rootfs": {"diff_ids": [A]}}).command == []


def test_a_privileged_container_has_the_nodes_root_and_an_ordinary_one_has_not() -> None:
    whole = debug_spec.spec("x", ["sh"], [], cwd="/", tty=True, privileged=True)
    plain = debug_spec.spec("x", ["sh"], ["PATH=/bin"], cwd="/", tty=False, privileged=False)
    assert "/host" in [mount["destination"] for mount in whole["mounts"]]
    assert "/host" not in [mount["destination"] for mount in plain["mounts"]]
    assert set(plain["process"]["capabilities"]["bounding"]) == set(debug_spec._ORDINARY)
    assert plain["process"]["noNewPrivileges"]
    assert plain["process"]["env"] == ["PATH=/bin"]
    assert "TERM=xterm" in whole["process"]["env"]
    for spec in (whole, plain):
        assert [namespace["type"] for namespace in spec["linux"]["namespaces"]] == ["mount"]


RULES = [
    ImageVerificationRule(image="bad.test/*", deny=True),
    ImageVerificationRule(image="signed.test/*", public_key=ImagePublicKeyVerifier(certificate="x")),
    ImageVerificationRule(image="open.test/*", skip=True),
]


@pytest.mark.parametrize(
    ("reference", "status"),
    [
        ("bad.test/a:1", Status.PERMISSION_DENIED),
        ("signed.test/a:1", Status.FAILED_PRECONDITION),
        ("", Status.INVALID_ARGUMENT),
        ("a b", Status.INVALID_ARGUMENT),
    ],
)
def test_an_image_that_no_rule_lets_pass(reference: str, status: Status) -> None:
    with pytest.raises(GRPCError) as caught:
        image_verification.judge(reference, RULES)
    assert caught.value.status is status


@pytest.mark.parametrize(("reference", "text"), [("open.test/a:1", "skipped by rules[2]"), ("else.test/a", "no rule")])
def test_without_a_signature_nothing_is_verified(reference: str, text: str) -> None:
    verdict = image_verification.judge(reference, RULES)
    assert not verdict.verified
    assert text in verdict.message
