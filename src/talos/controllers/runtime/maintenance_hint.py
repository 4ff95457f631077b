"""What a person at the console of a machine without configuration has to know: its addresses, and the fingerprint that
shows that it is this machine which answers there."""

from __future__ import annotations

import base64
import hashlib
import logging

from talos.controllers.runtime.stage import STAGE_ID, MachineStageSpec
from talos.resources.enums import MachineStage
from talos.resources.network import NodeAddressSpec
from talos.resources.secrets import APICertsSpec
from talos.state.controller import Controller, Input
from talos.state.runtime import Runtime

# machined's own lines reach the console.
log = logging.getLogger("machined.maintenance")


def spki_fingerprint(pem: str) -> str:
    """Base64 of the SHA-256 of the public key, as `--cert-fingerprint` takes it."""
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    key = x509.load_pem_x509_certificate(pem.encode()).public_key()
    info = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(info).digest()).decode()


def hint(addresses: list[str], fingerprint: str) -> list[str]:
    """Lines for the console."""
    plain = [address.partition("/")[0] for address in addresses]
    if not plain:
        return ["this machine has no address yet: it can be configured when it has one"]
    return [
        f"this machine has no configuration; reach it at {', '.join(plain)}, fingerprint {fingerprint}",
        f"talosctl apply-config --insecure --nodes {plain[0]} --cert-fingerprint '{fingerprint}' --file CONFIG.yaml",
    ]


class MaintenanceHintController(Controller):
    """MachineStage, NodeAddress, APICertificates -> lines on the console, when they change."""

    name = "runtime.MaintenanceHintController"
    inputs = (
        Input(MachineStageSpec, id=STAGE_ID),
        Input(NodeAddressSpec, id="default"),
        Input(NodeAddressSpec, id="routed"),
        Input(APICertsSpec),
    )

    def __init__(self) -> None:
        self._shown: list[str] = []

    async def reconcile(self, rt: Runtime) -> None:
        stage = await rt.get_or_none(MachineStageSpec, STAGE_ID)
        if stage is None or stage.spec.stage is not MachineStage.MAINTENANCE:
            return
        certificates = await rt.list(APICertsSpec)
        if not certificates:
            return
        addresses = await rt.get_or_none(NodeAddressSpec, "routed") or await rt.get_or_none(NodeAddressSpec, "default")
        found = addresses.spec.addresses if addresses is not None else []
        lines = hint(found, spki_fingerprint(certificates[0].spec.server.crt))
        if lines != self._shown:
            for line in lines:
                log.info("%s", line)
            self._shown = lines
