"""What is shown holds no secret, says where one was, and says when one changed."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from talos.config import Config, kinds
from talos.config.generate import Input
from talos.config.redact import CHANGED, REDACTED, difference, redact, secrets
from talos.config.schema import Kind, plan
from talos.config.secrets import Bundle
from talos.config.view.model import MachineType

GOLDEN = Path(__file__).parent / "documents"
LOOKS_SECRET = re.compile(r"(secret|token|passphrase|password|privateKey|presharedKey|^key|^auth)$", re.IGNORECASE)
"""Names of keys that hold a secret."""


@pytest.fixture(scope="module")
def bundle() -> Bundle:
    return Bundle.generate()


def generated(bundle: Bundle, contract: str = "") -> Config:
    return Input(
        cluster_name="c", endpoint="https://10.0.0.1:6443", secrets=bundle, talos_version=contract or "v1.14"
    ).config(MachineType.CONTROL_PLANE)


def texts(kind: Kind, path: str) -> list[tuple[str, Kind]]:
    """Every text key below a value."""
    if kind.item is not None:
        return texts(kind.item, path)
    if kind.cls is not None:
        return [t for f in plan(kind.cls).fields for t in texts(f.kind, f"{path}.{f.key}")]
    return [(path, kind)] if kind.name in ("str", "bytes") else []


@pytest.mark.parametrize("kind", kinds.MODULES)
def test_keys_that_look_secret_are_marked_and_their_documents_too(kind: str) -> None:
    cls = kinds.load(kind)
    for field in plan(cls).fields:
        for path, text in texts(field.kind, field.key):
            if LOOKS_SECRET.search(path.rpartition(".")[2]):
                assert text.facts.secret, path
            if text.facts.secret:
                assert cls.SECRET, path


@pytest.mark.parametrize("kind", kinds.MODULES)
def test_a_document_without_its_secrets_still_decodes(kind: str) -> None:
    config = Config.decode((GOLDEN / f"{kind}.yaml").read_text())
    shown = redact(config)
    assert kind == Config.decode(shown.encode()).documents[0].KIND
    assert set(secrets(shown)) <= {REDACTED}
    assert redact(shown) == shown


@pytest.mark.parametrize("contract", ["", "v1.13"])
def test_no_secret_of_the_bundle_is_shown(bundle: Bundle, contract: str) -> None:
    config = generated(bundle, contract)
    text = redact(config).encode()
    hidden = set(secrets(config))
    assert len(hidden) >= 8
    assert not [s for s in hidden if s in text]
    assert "PRIVATE KEY" not in text
    for secret in (bundle.cluster.secret, bundle.secrets.bootstraptoken, bundle.trustdinfo.token):
        assert secret in hidden
        assert secret not in text


def test_a_difference_tells_that_a_secret_changed_and_not_what_it_is(bundle: Bundle) -> None:
    config = generated(bundle)
    assert difference(config, config) == ""
    changed = Config.decode(config.encode().replace(bundle.trustdinfo.token, "abcdef.0123456789abcdef"))
    text = difference(config, changed)
    assert f"-    token: {REDACTED}\n+    token: {CHANGED}\n" in text
    assert "abcdef" not in text
    assert bundle.trustdinfo.token not in text


def test_a_token_in_a_url() -> None:
    text = "apiVersion: v1alpha1\nkind: SideroLinkConfig\napiUrl: https://a/?jointoken=SESAME&x=1\n"
    assert "https://a/?jointoken=REDACTED&x=1" in redact(Config.decode(text)).encode()
