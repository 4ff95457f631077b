"""The built image, mounted; and nodes booted from it under runc, with the services replaced where a test says so."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from talos.linux.capabilities import NAMES

CHECKOUT = Path(__file__).parents[2]
IMAGE = CHECKOUT / "_out/image/root.squashfs"
RUNC = CHECKOUT / "_out/components/runc"


Boot = Callable[[dict[str, str] | None], "BootedNode"]


def wait_for(condition: Callable[[], Any], what: str, timeout_s: float = 20.0) -> Any:
    """Polls; fails the test with `what` when the time is over."""
    deadline = time.monotonic() + timeout_s
    while True:
        if result := condition():
            return result
        if time.monotonic() > deadline:
            pytest.fail(f"after {timeout_s:.0f} s: {what}")
        time.sleep(0.02)


@pytest.fixture(scope="session")
def image() -> Path:
    """The image that `make root` built."""
    if not IMAGE.exists():
        pytest.fail(f"{IMAGE} is missing: run make root")
    return IMAGE


@pytest.fixture(scope="session")
def root(image: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Its content, mounted read-only."""
    if os.geteuid() != 0:
        pytest.skip("mounting the image needs root")
    target = tmp_path_factory.mktemp("root")
    subprocess.run(["mount", "-o", "loop,ro", image, target], check=True)
    yield target
    subprocess.run(["umount", target], check=True)


class BootedNode:
    """One container from the image. Paths of the node are read through /proc/PID/root."""

    def __init__(self, root: Path, folder: Path, replaced: Path | None) -> None:
        self.id = f"talos-image-test-{os.getpid()}-{folder.name[-12:]}"
        self.folder = folder
        self.state = folder / "state"
        self.console = folder / "console.log"
        (folder / "config.json").write_text(json.dumps(self._spec(root, replaced)))
        self.process: subprocess.Popen[bytes] | None = None
        self.pid = 0

    def _spec(self, root: Path, replaced: Path | None) -> dict[str, Any]:
        held = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("CapPrm"))
        mask = int(held.split()[1], 16)
        names = [f"CAP_{name}" for number, name in enumerate(NAMES) if mask >> number & 1]
        tmpfs = [
            {"destination": d, "type": "tmpfs", "source": "tmpfs", "options": ["mode=0755"]}
            for d in ("/run", "/tmp", "/system", "/var")
        ]
        # The replacements' main.py lie over the package: Python takes a source file before a .pyc of the same name.
        package = "/usr/lib/talos/python/talos"
        binds = (
            [
                {
                    "destination": package,
                    "type": "overlay",
                    "source": "overlay",
                    "options": ["ro", f"lowerdir={replaced}:{root}{package}"],
                }
            ]
            if replaced
            else []
        )
        return {
            "ociVersion": "1.2.0",
            "hostname": "node",
            "process": {
                "args": ["/usr/bin/init"],
                "cwd": "/",
                "env": ["PATH=/usr/bin", "PLATFORM=container", *(["USERDATA=c2VjcmV0"] if replaced else [])],
                "user": {"uid": 0, "gid": 0},
                "capabilities": dict.fromkeys(("bounding", "effective", "permitted"), names),
            },
            "root": {"path": str(root), "readonly": True},
            "mounts": [
                {"destination": "/proc", "type": "proc", "source": "proc"},
                {"destination": "/dev", "type": "tmpfs", "source": "tmpfs", "options": ["nosuid", "mode=755"]},
                {"destination": "/sys", "type": "sysfs", "source": "sysfs"},
                {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ["rw"]},
                *tmpfs,
                *binds,
            ],
            "linux": {
                "namespaces": [{"type": t} for t in ("pid", "ipc", "uts", "mount", "cgroup", "network")],
                "cgroupsPath": f"/{self.id}",
                "rootfsPropagation": "shared",
                "maskedPaths": [],
                "readonlyPaths": [],
            },
        }

    def start(self) -> None:
        """Returns when PID 1 runs."""
        with self.console.open("wb") as console:
            self.process = subprocess.Popen(
                [RUNC, "--root", self.state, "run", "--bundle", self.folder, self.id],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=subprocess.STDOUT,
            )
        self.pid = wait_for(self._init_pid, "runc starts the node")

    def _init_pid(self) -> int:
        if self.process is not None and self.process.poll() is not None:
            pytest.fail(f"runc ended with status {self.process.returncode}:\n{self.console.read_text()[-2000:]}")
        done = subprocess.run(
            [RUNC, "--root", self.state, "state", self.id], capture_output=True, text=True, check=False
        )
        found = json.loads(done.stdout) if done.returncode == 0 else {}
        return int(found.get("pid", 0)) if found.get("status") == "running" else 0

    def path(self, path: str) -> Path:
        """A path as the node sees it."""
        return Path(f"/proc/{self.pid}/root{path}")

    def service(self, name: str) -> dict[str, Any]:
        """What the zygote publishes about a service; empty before the first start."""
        try:
            found: dict[str, Any] = json.loads(self.path(f"/run/zygote/state/{name}").read_text())
        except FileNotFoundError:
            return {}
        return found

    def running(self, name: str, other_than: int = 0) -> int:
        """Waits for the service to run (as another process than `other_than`) and returns its pid in the node."""

        def started() -> int:
            state = self.service(name)
            return state["pid"] if state.get("state") == "running" and state["pid"] != other_than else 0

        return int(wait_for(started, f"{name} runs; console:\n{self.console.read_text()[-2000:]}"))

    def host_pid(self, pid: int) -> int:
        """The host's number of a process of the node (NSpid of proc(5))."""
        space = Path(f"/proc/{self.pid}/ns/pid").readlink()
        for process in Path("/proc").glob("[0-9]*"):
            try:
                if (process / "ns/pid").readlink() == space:
                    line = next(x for x in (process / "status").read_text().splitlines() if x.startswith("NSpid:"))
                    if int(line.split()[-1]) == pid:
                        return int(process.name)
            except OSError:
                continue
        raise LookupError(f"no process {pid} in the node")

    def zygote(self) -> int:
        """The host's number of the zygote."""
        return self.host_pid(int(self.path("/run/zygote/pid").read_text()))

    def want(self, name: str, wanted: bool) -> None:
        """What machined does to start and stop a service."""
        file = self.path(f"/run/zygote/want/{name}")
        if wanted:
            file.touch()
        else:
            file.unlink()
        os.kill(self.zygote(), signal.SIGHUP)

    def control(self, command: str) -> None:
        """Writes a command to PID 1."""
        with self.path("/run/init/control").open("w") as fifo:
            fifo.write(command + "\n")

    def ended(self, timeout_s: float = 20.0) -> int:
        """Waits for the end of the node and returns its exit status."""
        assert self.process is not None
        return self.process.wait(timeout_s)

    def destroy(self) -> None:
        """Whatever state it is in."""
        subprocess.run([RUNC, "--root", self.state, "delete", "--force", self.id], capture_output=True, check=False)
        if self.process is not None:
            self.process.wait(20)


@pytest.fixture
def boot(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Boot]:
    """boot({service: source of main.py}) starts a node with those services replaced, boot(None) with the real ones."""
    nodes = []

    def start(services: dict[str, str] | None) -> BootedNode:
        folder = tmp_path_factory.mktemp("node")
        replaced = None
        if services is not None:
            replaced = folder / "services"
            for name, source in services.items():
                (replaced / name).mkdir(parents=True)
                (replaced / name / "__init__.py").write_text("")
                (replaced / name / "main.py").write_text(source)
        node = BootedNode(root, folder, replaced)
        nodes.append(node)
        node.start()
        return node

    yield start
    for node in nodes:
        node.destroy()
        shutil.rmtree(node.folder)
