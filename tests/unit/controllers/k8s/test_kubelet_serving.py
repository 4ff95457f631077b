"""The kubelet's serving pair exists before the kubelet starts, and is left alone while it is good."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from talos.controllers.k8s.kubelet_configuration import PKI_DIR
from talos.controllers.k8s.kubelet_identity import ensure_serving
from talos.environment import NodeEnvironment

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_serving_pair_is_made_once_and_renewed_when_it_has_expired(tmp_path: Path) -> None:
    env = NodeEnvironment(root=tmp_path)
    ensure_serving(env, "n1", NOW)
    path = env.path(PKI_DIR) / "kubelet.crt"
    first = path.read_bytes()
    certificate = x509.load_pem_x509_certificates(first)[0]
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["n1"]
    assert isinstance(certificate.public_key(), ec.EllipticCurvePublicKey)
    assert (env.path(PKI_DIR) / "kubelet.key").stat().st_mode & 0o777 == 0o600
    ensure_serving(env, "n1", NOW + timedelta(days=300))
    assert path.read_bytes() == first
    ensure_serving(env, "n1", NOW + timedelta(days=400))
    assert path.read_bytes() != first
