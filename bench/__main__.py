"""`make bench`: the project's figures, each time beside the floor of the same machine in the same run.

A time means little on its own: the ratio to the floor (the bare programs until the node is Ready) is what counts.
Figures go to the terminal and to _out/bench.json. Nothing here passes or fails: tests judge behaviour, not speed.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from bench import api, cluster, configuration, floor, image, machine, upgrade

ROOT = Path(__file__).resolve().parent.parent
# Times of "must" and "aim" hold for a machine where the floor takes this long.
REFERENCE_FLOOR_S = 3.75


def scaled(seconds: float, floor_s: float) -> str:
    return f"{seconds / floor_s:.2f}x floor"


def row(name: str, value: str, ratio: str, must: str, aim: str) -> None:
    print(f"{name:<66} {value:>11} {ratio:>13}  must {must:>9}  aim {aim:>9}")


def print_time(name: str, seconds: float, floor_s: float, must: float, aim: float) -> None:
    row(
        name,
        f"{seconds:.2f} s",
        scaled(seconds, floor_s),
        f"{must / REFERENCE_FLOOR_S:.2f}x",
        f"{aim / REFERENCE_FLOOR_S:.2f}x",
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="runs of each timed figure; the median is printed")
    runs = parser.parse_args().runs

    size = image.figures()
    row("root image, compressed, all of Kubernetes inside", f"{size['total_mb']:.1f} MB", "", "100 MB", "75 MB")
    for part, mb in sorted(size["parts_mb"].items(), key=lambda item: -item[1]):
        print(f"    {part:<40} {mb:7.1f} MB")

    row("executable files in the image", str(size["executables"]), "", "40", "12")

    base = sorted((floor.measure() for _ in range(runs)), key=lambda run: run["node_ready_s"])[runs // 2]
    floor_s = base["node_ready_s"]
    row("floor: bare programs -> node Ready", f"{floor_s:.2f} s", "1.00x floor", "", "")

    samples = [cluster.measure(f"bench{index}") for index in range(runs)]
    middle = cluster.median(samples)
    print_time("cluster create -> three nodes Ready", middle["nodes_ready_s"], floor_s, 25, 12)
    label = "... -> CoreDNS Ready, Deployment of 2 answers through its Service"
    print_time(label, middle["service_s"], floor_s, 40, 18)
    print_time("node process start -> API answers version", middle["api_answers_s"], floor_s, 1.2, 0.6)
    label = "PSS of init, zygote and the five services, control plane, idle"
    row(label, f"{middle['own_mib']:.0f} MiB", "", "95 MB", "65 MB")
    row("PSS of the whole idle control plane node", f"{middle['all_mib']:.0f} MiB", "", "850 MiB", "650 MiB")
    for name, mib in sorted(samples[0]["by_name"].items(), key=lambda item: -item[1]):
        print(f"    {name:<40} {mib:7.1f} MiB")
    for name, key, must, aim in (
        ("talosctl version --client, whole process", "version_client_ms", "120 ms", "50 ms"),
        ("talosctl version against a local node, whole process", "version_ms", "200 ms", "90 ms"),
    ):
        row(name, f"{middle[key]:.0f} ms", f"{middle[key] / middle['floor_ms']:.1f}x python", must, aim)
    for what, key in (("a sysctl", "sysctl"), ("a label", "label"), ("a host entry", "host")):
        row(f"no-reboot apply -> {what} in effect", f"{middle[f'apply_{key}_s']:.2f} s", "", "1 s", "")
    row("floor: python -c pass", f"{middle['floor_ms']:.0f} ms", "", "", "")
    calls = api.measure()
    for name, value, must, aim in api.rows(calls):
        row(name, value, "", must, aim)
    costs = configuration.measure()
    for name, key, least, must, aim in (
        ("configuration decoded and validated, after imports", "decode_validate_ms", "yaml_floor_ms", "15 ms", ""),
        ("talosctl gen config with secrets, whole process", "gen_config_ms", "python_floor_ms", "300 ms", "120 ms"),
        ("talosctl validate, whole process", "validate_ms", "python_floor_ms", "200 ms", "90 ms"),
    ):
        row(name, f"{costs[key]:.1f} ms", f"{costs[key] / costs[least]:.1f}x floor", must, aim)
    row("floor: the YAML parser alone on the same text", f"{costs['yaml_floor_ms']:.1f} ms", "", "", "")
    booted = machine.measure(runs)
    row(
        "unified kernel image, cloud flavour, all of Kubernetes inside",
        f"{booted['uki_mb']:.1f} MB",
        "",
        "130 MB",
        "100 MB",
    )
    row(
        f"disk image booted ({booted['accelerator']}) -> API answers",
        f"{booted['answer_s']:.1f} s",
        f"{booted['answer_s'] / booted['floor_s']:.2f}x floor",
        "2.00x",
        "1.40x",
    )
    row("floor: same kernel, mounts, one socket", f"{booted['floor_s']:.1f} s", "1.00x floor", "", "")
    row("memory in maintenance mode, less the kernel's own", f"{booted['memory_mb']:.0f} MB", "", "160 MB", "100 MB")
    cold = image.cold_build_s()
    row(
        "cold make cluster, everything from source",
        f"{cold / 60:.1f} min" if cold else "none here",
        "",
        "20 min",
        "10 min",
    )

    times = upgrade.measure()
    beyond = max(0.0, times["upgrade_s"] - 2 * times["reboot_s"])
    print_time("upgrade: call -> healthy on the new slot, beyond two reboots", beyond, floor_s, 20, 8)
    print_time("    ... all of it", times["upgrade_s"], floor_s, 20 + 2 * times["reboot_s"], 8 + 2 * times["reboot_s"])

    result = {
        "upgrade": times,
        "floor": base,
        "cluster": samples,
        "machine": booted,
        "configuration": costs,
        "api": calls,
        "image": size,
        "cold_build_s": cold,
    }
    (ROOT / "_out" / "bench.json").write_text(json.dumps(result, indent=2))


if __name__ == "__main__":
    main()
