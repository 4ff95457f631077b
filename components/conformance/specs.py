"""Which conformance tests there are, in which order they run, and what came out.

The list comes from a dry run of the test program itself: names and labels are then upstream's, and what was selected
can be counted against what ran. Order: tests that take seconds, tests known to wait for minutes, and then those that
must have the cluster for themselves, one at a time ([Serial]). An interrupted run has then answered the most.
"""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

# Tests that wait by design: schedules of one minute, probes that must not fire, kubelet's sync of volumes, ordered
# StatefulSets. Only their place in the order depends on this.
_LONG = re.compile(
    r"\[Slow\]|CronJob|StatefulSet|[Pp]rob(e|ing)|updates? should be reflected|observe add, update|Garbage collector"
    r"|RestartAlways pod|restart count|session affinity|Aggregator"
)
PHASES = ("short", "long", "serial")
# Ginkgo's words for a test that was begun or could have been and has no verdict.
_NO_VERDICT = {"pending", "interrupted", "aborted"}


@dataclass(frozen=True)
class Spec:
    """A test by its full name, as ginkgo matches it: groups, then the test with its labels."""

    name: str
    leaf: str
    labels: frozenset[str]

    @property
    def phase(self) -> str:
        if "Serial" in self.labels:
            return "serial"
        return "long" if _LONG.search(self.name) else "short"


@dataclass
class Result:
    """Verdict of a test: passed, skipped (by itself: the cluster lacks what it needs), failed, panicked, timedout."""

    state: str
    seconds: float
    message: list[str] = field(default_factory=list)


def _its(report: Path) -> list[dict[str, Any]]:
    suites = json.loads(report.read_text())
    return [spec for suite in suites for spec in suite["SpecReports"] or [] if spec["LeafNodeType"] == "It"]


def _name(report: dict[str, Any]) -> str:
    return " ".join([*(report["ContainerHierarchyTexts"] or []), report["LeafNodeText"]])


def plan(ginkgo: Path, program: Path, folder: Path, focus: str) -> list[Spec]:
    """All tests with the label Conformance whose name matches `focus`."""
    folder.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        [
            ginkgo,
            "--dry-run",
            "--no-color",
            "--label-filter=Conformance",
            f"--output-dir={folder}",
            "--json-report=plan.json",
            program,
            "--",
            "--provider=skeleton",
            "--kubeconfig=/dev/null",
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    specs = []
    for report in _its(folder / "plan.json"):
        labels = {label for labels in report["ContainerHierarchyLabels"] or [] for label in labels or []}
        labels |= set(report["LeafNodeLabels"] or [])
        # A dry run marks what it would run as passed.
        if report["State"] == "passed" and re.search(focus, _name(report)):
            specs.append(Spec(_name(report), report["LeafNodeText"].split(" [Conformance]")[0], frozenset(labels)))
    return specs


def results(report: Path, wanted: set[str]) -> dict[str, Result]:
    """Verdicts of the tests that were begun; a test that an interruption ended has none."""
    found = {}
    for spec in _its(report):
        name, state = _name(spec), str(spec["State"])
        # Filtered tests are reported as skipped too; those that ran have a start time of their own.
        if name not in wanted or state in _NO_VERDICT or (state == "skipped" and not spec.get("Failure")):
            continue
        message = spec.get("Failure", {}).get("Message", "").strip().splitlines()[:6]
        found[name] = Result(state, round(spec.get("RunTime", 0) / 1e9, 1), message)
    return found


def load(file: Path) -> dict[str, Result]:
    return {name: Result(**entry) for name, entry in json.loads(file.read_text()).items()} if file.exists() else {}


def save(file: Path, found: dict[str, Result]) -> None:
    file.write_text(json.dumps({name: asdict(entry) for name, entry in sorted(found.items())}, indent=1) + "\n")
