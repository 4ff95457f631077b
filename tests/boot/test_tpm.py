"""A machine with a TPM 2.0 and an image that carries its maker's signature: what systemd's stub really measures is what
the imager signed, and disks open without anybody, on no other machine. A key of a server opens before services run.
"""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path
from types import TracebackType

import pytest
import yaml

from talos.imager.boot import artefacts, measure
from talos.provision import tpm
from tests.unit.kms_server import KeyServer

from .installed import DISK_BYTES
from .machine import BOOT_TIMEOUT_S, ROOT, TALOSCTL, Machine
from .test_encryption import UUID, told, volume

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif("TALOS_LONG" not in os.environ, reason="minutes under emulation: make test-boot-long"),
]
ENCRYPTION = """apiVersion: v1alpha1
kind: VolumeConfig
name: STATE
encryption:
  provider: luks2
  keys:
    - {{slot: 0, tpm: {{}}}}
---
apiVersion: v1alpha1
kind: VolumeConfig
name: EPHEMERAL
encryption:
  provider: luks2
  keys:
    - {{slot: 3, kms: {{endpoint: "grpc://10.0.2.2:{port}"}}}}
"""


class Chipped(Machine):
    """With a TPM that keeps what it knows in `chip`."""

    chip: Path
    _made: tpm.Chip

    def __enter__(self) -> Machine:
        made = self._made = tpm.start(self.chip)
        self.console_file.unlink(missing_ok=True)
        with (self.folder / "qemu.log").open("wb") as log:
            self.process = subprocess.Popen(
                [*self._command, *made.words], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                pass_fds=[made.descriptor],
            )  # fmt: skip
        os.close(made.descriptor)
        self.began = time.monotonic()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, trace)
        self._made.process.kill()  # it would outlive its machine, and keep its folder to itself
        self._made.process.wait()


def machine(folder: Path, disk: Path, chip: Path, *, restart: bool = False) -> Chipped:
    made = Chipped(folder, disk=disk, uuid=UUID, restart=restart)
    made.chip = chip
    return made


@pytest.fixture(scope="module")
def signed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Disk image and public key of an image with a signature."""
    keys = tmp_path_factory.mktemp("keys")
    subprocess.run([TALOSCTL, "gen", "secureboot", "pcr", "-o", keys], check=True, capture_output=True)
    key = keys / "pcr-signing-key.pem"
    out = tmp_path_factory.mktemp("boot")
    options = artefacts.Options(
        image=ROOT / "_out/image", out=out, kinds=("disk", "netboot"), level=1, measured_key=key,
        signing_key=keys / "signing.key",
    )  # fmt: skip
    artefacts.build(options)
    (keys / "public.pem").write_bytes(measure.public_pem(measure.load_key(key)))
    return out / "cloud-amd64.raw", keys / "public.pem"


def test_disks_open_by_the_chip_and_by_a_key_server(signed: tuple[Path, Path], tmp_path: Path) -> None:
    from talos.controllers.runtime.security_state import fingerprint

    image, public = signed
    disk, chip, configs, patch = (tmp_path / name for name in ("disk.raw", "chip", "configs", "encryption.yaml"))
    subprocess.run(["cp", "--sparse=always", image, disk], check=True)
    with disk.open("r+b") as file:
        file.truncate(DISK_BYTES)
    server = KeyServer()
    config = configs / "talosconfig"
    with server.serving(), machine(tmp_path / "first", disk, chip, restart=True) as first:
        first.wait_api()
        patch.write_text(ENCRYPTION.format(port=server.port))
        command = [TALOSCTL, "gen", "config", "boot", "https://10.0.2.15:6443", "-o", configs]
        subprocess.run([*command, "--config-patch", f"@{patch}"], check=True, capture_output=True)
        applied = first.talosctl("apply-config", "--insecure", "-f", str(configs / "controlplane.yaml"))
        assert applied.returncode == 0, applied.stderr
        state, ephemeral = (volume(first, config, name) for name in ("STATE", "EPHEMERAL"))
        assert (state["phase"], state.get("encryptionSlot", 0), state["mountLocation"]) == (
            "ready", 0, "/dev/mapper/luks2-STATE",
        )  # fmt: skip
        assert state["tpmEncryptionOptions"] == {"pcrs": [7], "pubKeyPcrs": [11]}
        assert (ephemeral["phase"], ephemeral["encryptionSlot"]) == ("ready", 3)
        assert set(server.uuids) == {UUID}
        security = yaml.safe_load(told(first, config, "get", "securitystate", "-o", "yaml"))["spec"]
        assert security["pcrSigningKeyFingerprint"] == fingerprint(public.read_bytes())
    server.uuids.clear()
    with server.serving(port=server.port), machine(tmp_path / "again", disk, chip) as again:
        # Under what the firmware and the real stub have measured, with the signature of another start.
        assert volume(again, config, "STATE")["phase"] == "ready"
        assert volume(again, config, "EPHEMERAL")["encryptionSlot"] == 3
        assert server.uuids == [UUID]
    with machine(tmp_path / "elsewhere", disk, tmp_path / "other") as elsewhere:
        elsewhere.wait_console("key slot 0 (tpm): this is not the chip that it was sealed with", 2 * BOOT_TIMEOUT_S)
