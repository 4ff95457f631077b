"""Every command has golden output, or its name and a reason stand here."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent.parent
TREE = (FOLDER / "talosctl" / "commands.txt").read_text()

_LIFECYCLE = "tests/golden/test_lifecycle.py: prints progress only; what is asked, in which order, is tested"
_CLUSTERS = "tests/cluster/: sets up nodes of this machine; the real ones are tested"
_LAUNCH = "tests/unit/talosctl/test_launch.py: a server that runs until it is ended"
_SHELL = "tests/unit/talosctl/test_command_line.py: a script for a shell, which the shell itself is asked about"
_FILES = (
    "tests/unit/talosctl/test_file_commands.py: writes files with fresh keys and prints nothing that stays the same"
)
_ELSEWHERE = "tests/unit/talosctl/test_refused.py: only says what to use instead"
NO_GOLDEN = {
    "apply-config": "tests/cluster/: prints what the node says of the change; test_edit.py holds the same words",
    "bgp-launch": _ELSEWHERE,
    "cluster": _CLUSTERS,
    "completion": _SHELL,
    "config add": _FILES,
    "config context": _FILES,
    "config merge": _FILES,
    "config new": _FILES,
    "config node": _FILES,
    "config proxy-url": _FILES,
    "config remove": _FILES,
    "conformance kubernetes": "tests/cluster/: needs a cluster that runs pods",
    "copy": "tests/unit/talosctl/test_copy.py: writes files, or an archive to standard output",
    "crashdump": _ELSEWHERE,
    "dashboard": "tests/unit/talosctl/test_dashboard.py: a screen",
    "debug": _LIFECYCLE,
    "debug-tool air-gapped": _ELSEWHERE,
    "dhcpd-launch": _ELSEWHERE,
    "disks": _ELSEWHERE,
    "dnsd-launch": _LAUNCH,
    "docs": "tests/unit/talosctl/test_tree.py: the text is our own",
    "edit machineconfig": "tests/golden/test_edit.py: an editor",
    "etcd alarm list": "nobody has recorded an alarm",
    "etcd downgrade enable": "the same columns as etcd downgrade validate",
    "etcd forfeit-leadership": "prints nothing where it succeeds; tests/cluster/",
    "etcd leave": "prints nothing where it succeeds; tests/cluster/",
    "gen ca": _FILES,
    "gen crt": _FILES,
    "gen csr": _FILES,
    "gen key": _FILES,
    "gen keypair": _FILES,
    "gen secureboot": "tests/unit/pki/: writes keys and certificates",
    "image cache-cert-gen": "tests/unit/talosctl/imagecache/: writes files",
    "image cache-create": "tests/unit/talosctl/imagecache/: writes an image cache",
    "image cache-serve": "tests/unit/talosctl/imagecache/: a server",
    "image integration": _ELSEWHERE,
    "image remove": "one line on standard error, as image pull",
    "image talos-bundle": "tests/unit/talosctl/test_tree.py: names of our own images",
    "inject serviceaccount": "tests/unit/talosctl/test_file_commands.py: YAML in, YAML out",
    "inspect dependencies": "a drawing: names of its nodes are chosen by who draws",
    "interfaces": _ELSEWHERE,
    "json-logs-launch": _LAUNCH,
    "kms-launch": _LAUNCH,
    "kubeconfig": "tests/unit/talosctl/test_kubeconfig.py: merges files",
    "machineconfig gen": "gen config by another name",
    "loadbalancer-launch": _LAUNCH,
    "qemu-launch": _ELSEWHERE,
    "remote-provision-launch": _ELSEWHERE,
    "reset": _LIFECYCLE,
    "rollback": _LIFECYCLE,
    "rotate-ca": "tests/unit/talosctl/test_rotation.py: the recorded client breaks off in the middle",
    "routes": _ELSEWHERE,
    "shutdown": _LIFECYCLE,
    "siderolink-launch": _ELSEWHERE,
    "support": "tests/cluster/: an archive",
    "upgrade": _LIFECYCLE,
    "upgrade-k8s": "tests/cluster/: tells of progress",
    "virtiofsd-launch": _ELSEWHERE,
    "wipe lv": _LIFECYCLE,
    "wipe md": "as wipe lv",
    "wipe pv": "as wipe lv",
    "wipe vg": "as wipe lv",
}


def commands() -> dict[tuple[str, ...], tuple[str, ...]]:
    """Path → names that the last word goes by, of what runs by itself."""
    found = {}
    for line in TREE.splitlines():
        if line.startswith("cmd talosctl ") and " runnable" in line:
            words = re.split(r" (?=[<\[-]|aliases=|group=|hidden|runnable)", line)[0].split()[2:]
            aliases = re.search(r" aliases=(\S+)", line)
            path = tuple(words[: 2 if words[0] == "meta" else None])  # those of meta name their arguments without <>
            found[path] = (path[-1], *(aliases[1].split(",") if aliases else ()))
    return found


def golden() -> Iterator[list[str]]:
    """Words of every command line whose output is kept."""
    for path in sorted(FOLDER.glob("talosctl/outputs/*.txt")):
        yield shlex.split(path.read_text().splitlines()[0].removeprefix("# args: "))
    for path in sorted(FOLDER.glob("vectors/*/cmd")):
        yield path.read_text().split("\n")
    yield ["get"]  # talosctl/get.txt: every type


def of(words: list[str]) -> tuple[str, ...]:
    """The command that a line runs."""
    known = commands()
    groups = {path[:depth] for path in known for depth in range(1, len(path))}
    aliases = {(*path[:-1], name): path for path, names in known.items() for name in names}
    path: tuple[str, ...] = ()
    for word in ("machineconfig" if word == "mc" else word for word in words):
        if (*path, word) in aliases:
            return aliases[*path, word]
        if (*path, word) in groups:
            path = (*path, word)
    raise AssertionError(f"no command in {words}")


def reason(path: tuple[str, ...]) -> str:
    return next((" ".join(path[:n]) for n in range(len(path), 0, -1) if " ".join(path[:n]) in NO_GOLDEN), "")


def test_every_command_has_golden_output_or_a_reason() -> None:
    shown = {of(words) for words in golden()}
    missing = [" ".join(path) for path in commands() if path not in shown and not reason(path)]
    assert not missing, f"without golden output and without a reason: {missing}"
    both = sorted(" ".join(path) for path in shown if reason(path) and path[0] != "cluster")
    assert not both, f"a reason stands in NO_GOLDEN although there is golden output: {both}"
    assert {reason(path) for path in commands()} - {""} == set(NO_GOLDEN), "a reason for what is no command"


def test_reasons_name_tests_that_there_are() -> None:
    for said in NO_GOLDEN.values():
        for path in re.findall(r"tests/[\w/.]+", said):
            assert (ROOT / path).exists(), path


def test_every_golden_output_is_compared() -> None:
    """No file lies there that no test opens."""
    text = "".join(path.read_text() for path in FOLDER.glob("test_*.py"))
    left = [
        p.stem for p in (FOLDER / "talosctl" / "outputs").glob("*.txt") if not re.search(rf"[ \"]{p.stem}[ \"]", text)
    ]
    assert not [name for name in left if not name.startswith("cgroups-")], left  # those are named by their presets
