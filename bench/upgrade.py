"""How long an upgrade takes, beside what two reboots of the same node take: one control plane node in a container."""
from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TALOSCTL = str(ROOT / ".venv" / "bin" / "talosctl")
VERSION = "v1.14.1"


def run(*argv: str | Path) -> None:
    done = subprocess.run([str(part) for part in argv], capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, argv))} failed: {done.stdout}{done.stderr}")


def next_image(folder: Path) -> Path:
    """The same system under another version."""
    package = folder / "talos"
    shutil.copytree(ROOT / "src/talos", package, ignore=shutil.ignore_patterns("__pycache__"))
    versions = package / "versions.py"
    versions.write_text(versions.read_text().replace('TALOS_VERSION = "v1.14.0"', f'TALOS_VERSION = "{VERSION}"'))
    run(sys.executable, "-m", "talos.imager", "build", "--level", "1", "--out", folder / "image", "--package", package)
    return folder / "image/root.squashfs"


def measure(name: str = "bench-upgrade") -> dict[str, float]:
    """Seconds: upgrade from the call until the new slot is confirmed, and one reboot until the node is ready."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        image = next_image(folder)
        where = ("--name", name, "--state", folder / "clusters")
        config = folder / "talosconfig"
        kubeconfig = folder / "kubeconfig"
        destinations = ("--talosconfig-destination", config, "--kubeconfig-destination", kubeconfig)
        run(TALOSCTL, "cluster", "create", *where, "--workers", "0", *destinations)
        try:
            client = (TALOSCTL, "--talosconfig", config)
            began = time.monotonic()
            run(*client, "reboot", "--wait")
            reboot_s = time.monotonic() - began
            began = time.monotonic()
            run(*client, "upgrade", "--image", image)
            return {"upgrade_s": time.monotonic() - began, "reboot_s": reboot_s}
        finally:
            run(TALOSCTL, "cluster", "destroy", *where)
