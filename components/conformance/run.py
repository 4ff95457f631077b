#!/usr/bin/env python3
"""Runs upstream's conformance tests against a cluster: `run.py --kubeconfig FILE --talosconfig FILE [--focus REGEX]`.

The test images that can be made (images.py) are served to the nodes by a registry of this process, on the address by
which the host reaches them; a RegistryMirrorConfig document points the nodes at it and is removed afterwards. Tests
that name another image (needs.json) are left out. Tests that may share the cluster run in parallel, the others after
them (specs.py). Results in `_out/conformance`: `summary.md`, `summary.json`, `results.json` (the verdicts, which
`--resume` starts from), `report` (ginkgo's JSON, e2e's logs). Ctrl-C ends a run in order: what ran is kept.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path

import images
import specs
from registry import Registry

CHECKOUT = Path(__file__).resolve().parents[2]
OUT = CHECKOUT / "_out/conformance"
# Key of a result that says that the run was ended from outside; no test has an empty name.
INTERRUPTED = ""
MIRROR = "registry.k8s.io"


def command(*words: str | Path, input: str | None = None) -> str:
    return subprocess.run([str(w) for w in words], check=True, stdout=subprocess.PIPE, text=True, input=input).stdout


def node_addresses(kubeconfig: Path) -> list[str]:
    """Internal addresses, control plane nodes first: the API is asked through the first."""
    nodes = json.loads(command(CHECKOUT / "_out/bin/kubectl", "--kubeconfig", kubeconfig, "get", "nodes", "-o", "json"))
    items = sorted(nodes["items"], key=lambda n: "node-role.kubernetes.io/control-plane" not in n["metadata"]["labels"])
    return [a["address"] for n in items for a in n["status"]["addresses"] if a["type"] == "InternalIP"]


def own_address(node: str) -> str:
    """The address of this host on the way to a node."""
    return str(json.loads(command("ip", "-j", "route", "get", node))[0]["prefsrc"])


def patch(talosconfig: Path, nodes: list[str], document: str) -> None:
    command(
        CHECKOUT / ".venv/bin/talosctl",
        "--talosconfig",
        talosconfig,
        "--nodes",
        ",".join(nodes),
        "patch",
        "machineconfig",
        "--patch",
        document,
    )


def mirror_document(url: str) -> str:
    return (
        f"apiVersion: v1alpha1\nkind: RegistryMirrorConfig\nname: {MIRROR}\n"
        f"endpoints:\n  - url: {url}\nskipFallback: true\n"
    )


def run_tests(kubeconfig: Path, phase: str, names: list[str], processes: int, nodes: int) -> dict[str, specs.Result]:
    """One run of ginkgo over these tests. An interruption reaches ginkgo too: it cleans up and reports what it has."""
    report = OUT / "report"
    result = report / f"{phase}.json"
    result.unlink(missing_ok=True)
    with (report / f"{phase}.log").open("w") as log:
        ginkgo = subprocess.Popen(
            [
                OUT / "ginkgo",
                f"--procs={processes}",
                "--timeout=6h",
                "--no-color",
                "-v",
                "--keep-going",
                "--label-filter=Conformance",
                f"--focus={'|'.join(re.escape(name) for name in names)}",
                f"--output-dir={report}",
                f"--json-report={phase}.json",
                OUT / "e2e.test",
                "--",
                f"--kubeconfig={kubeconfig}",
                "--provider=skeleton",
                f"--num-nodes={nodes}",
                "--disable-log-dump",
                "--dump-logs-on-failure=false",
                f"--report-dir={report}",
                f"--report-prefix={phase}_",
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            ginkgo.wait()
        except KeyboardInterrupt:
            print("stopping: tests that are running clean up first", file=sys.stderr)
            # To the group, as a terminal would: ginkgo expects its test processes to hear it themselves.
            os.killpg(ginkgo.pid, signal.SIGINT)
            ginkgo.wait()
            return specs.results(result, set(names)) | {INTERRUPTED: specs.Result("interrupted", 0)}
    if not result.exists():
        raise SystemExit(f"the {phase} tests did not run; see {report / f'{phase}.log'}")
    return specs.results(result, set(names))


def summarize(
    plan: list[specs.Spec],
    found: dict[str, specs.Result],
    left_out: dict[str, list[str]],
    refused: set[str],
    seconds: float,
) -> bool:
    states = {spec.name: found[spec.name].state if spec.name in found else "not run" for spec in plan}
    passed = [name for name, state in states.items() if state == "passed"]
    skipped = [name for name, state in states.items() if state == "skipped"]
    failed = [name for name, state in states.items() if state not in ("passed", "skipped", "not run")]
    waiting = [name for name, state in states.items() if state == "not run" and name not in left_out]
    summary = {
        "selected": len(plan),
        "passed": len(passed),
        "failed": {name: asdict(found[name]) for name in sorted(failed)},
        "skipped_by_themselves": {name: found[name].message for name in sorted(skipped)},
        "left_out_for_images": left_out,
        "not_run": sorted(waiting),
        "images_asked_for_and_not_there": sorted(refused),
        "seconds": round(seconds),
    }
    (OUT / "summary.json").write_text(json.dumps(summary, indent=1) + "\n")
    head = (
        f"{len(plan)} selected: {len(passed)} passed, {len(failed)} failed, {len(skipped)} skipped by themselves, "
        f"{len(left_out)} left out for an image, {len(waiting)} not run"
    )
    spent = round(sum(entry.seconds for entry in found.values()) / 60)
    lines = [
        f"# Conformance: {head}",
        "",
        f"{spent} min of tests one after another; the last run: {round(seconds / 60)} min.",
    ]
    for title, items in (
        ("Failed", {name: " ".join(found[name].message) for name in failed}),
        ("Skipped by themselves", {name: " ".join(found[name].message) for name in skipped}),
        ("Left out for an image", {name: ", ".join(needed) for name, needed in left_out.items()}),
        ("Not run", dict.fromkeys(waiting, "")),
    ):
        lines += ["", f"## {title}", ""] if items else []
        lines += [f"- {name}: {why}".rstrip(": ") for name, why in sorted(items.items())]
    (OUT / "summary.md").write_text("\n".join(lines) + "\n")
    print(f"{head}; {OUT / 'summary.md'}")
    for name in sorted(failed):
        print(f"  failed: {name}")
    return bool(passed) and not failed and not waiting


def main() -> int:
    # Also when a shell started this in the background, where Ctrl-C's signal is ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.default_int_handler)
    parser = argparse.ArgumentParser(description="upstream conformance tests against a cluster")
    parser.add_argument("--kubeconfig", type=Path, required=True)
    parser.add_argument("--talosconfig", type=Path, required=True)
    parser.add_argument("--focus", default="", help="only tests whose name matches this regular expression")
    parser.add_argument(
        "--resume", action="store_true", help="keep the verdicts of the runs before, but repeat failures"
    )
    parser.add_argument("--phases", nargs="+", choices=specs.PHASES, default=specs.PHASES, help="only these (specs.py)")
    parser.add_argument("--procs", type=int, default=4, help="tests at the same time")
    arguments = parser.parse_args()
    for name in ("e2e.test", "ginkgo", "agnhost", "needs.json"):
        if not (OUT / name).is_file():
            print(f"{OUT / name} is not there: run `mk/component.sh conformance` first", file=sys.stderr)
            return 1
    for file in (arguments.kubeconfig, arguments.talosconfig):
        if not file.is_file():
            print(f"{file} is not there: `make cluster` makes a cluster and writes it", file=sys.stderr)
            return 1
    (OUT / "report").mkdir(parents=True, exist_ok=True)
    plan = specs.plan(OUT / "ginkgo", OUT / "e2e.test", OUT / "report", arguments.focus)
    needs = json.loads((OUT / "needs.json").read_text())
    missing = {test: absent for test, named in needs["tests"].items() if (absent := sorted(set(named) - images.MADE))}
    left_out = {spec.name: missing[spec.leaf] for spec in plan if spec.leaf in missing}
    verdicts = OUT / "results.json"
    found = specs.load(verdicts) if arguments.resume else {}
    todo = [s for s in plan if s.name not in left_out and (s.name not in found or found[s.name].state == "failed")]
    nodes = node_addresses(arguments.kubeconfig)
    began = time.monotonic()
    made = images.build(OUT / "agnhost", CHECKOUT / "_out/components", needs["tags"])
    registry = Registry(own_address(nodes[0]), made)
    try:
        patch(arguments.talosconfig, nodes, mirror_document(registry.url))
        for phase in arguments.phases:
            names = [spec.name for spec in todo if spec.phase == phase]
            if not names:
                continue
            print(f"{phase}: {len(names)} tests; {OUT / 'report' / phase}.log", flush=True)
            processes = 1 if phase == "serial" else arguments.procs
            found |= run_tests(arguments.kubeconfig, phase, names, processes, len(nodes))
            interrupted = found.pop(INTERRUPTED, None)
            specs.save(verdicts, found)
            if interrupted:
                break
    finally:
        document = f"apiVersion: v1alpha1\nkind: RegistryMirrorConfig\nname: {MIRROR}\n$patch: delete\n"
        patch(arguments.talosconfig, nodes, document)
        registry.close()
    complete = summarize(plan, found, left_out, registry.missing, time.monotonic() - began)
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
