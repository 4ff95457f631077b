"""What configurations cost: decoding one on a node, and the commands that scripts call."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

from bench.command_line import TALOSCTL, milliseconds

DECODE = """
import sys, time, statistics
from talos.config import Config
from talos.config.validate import validate
data = open(sys.argv[1], "rb").read()
def once():
    began = time.perf_counter()
    validate(Config.decode(data), "metal")
    return 1000 * (time.perf_counter() - began)
once()
print(statistics.median(once() for _ in range(50)))
"""
PARSE = """
import sys, time, statistics, yaml
data = open(sys.argv[1], "rb").read()
def once():
    began = time.perf_counter()
    list(yaml.compose_all(data, Loader=yaml.CSafeLoader))
    return 1000 * (time.perf_counter() - began)
once()
print(statistics.median(once() for _ in range(50)))
"""


def measure() -> dict[str, float]:
    """Of a full control plane configuration; the floor of decoding is the YAML parser alone."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)
        secrets, out = path / "secrets.yaml", path / "out"
        subprocess.run([TALOSCTL, "gen", "secrets", "-o", secrets], check=True, capture_output=True)
        generate = (TALOSCTL, "gen", "config", "demo", "https://10.5.0.2:6443", "--with-secrets", secrets, "--force")
        subprocess.run([*generate, "-o", out], check=True, capture_output=True)
        config = out / "controlplane.yaml"
        return {
            "decode_validate_ms": _printed(DECODE, config),
            "yaml_floor_ms": _printed(PARSE, config),
            "gen_config_ms": milliseconds(*generate, "-o", out),
            "validate_ms": milliseconds(TALOSCTL, "validate", "--config", config, "--mode", "metal"),
            "python_floor_ms": milliseconds(sys.executable, "-c", "pass"),
        }


def _printed(program: str, config: Path) -> float:
    done = subprocess.run([sys.executable, "-c", program, config], check=True, capture_output=True, text=True)
    return float(done.stdout)

