"""What a machine costs: size of its artefacts, time from power on to an answer, memory in maintenance mode.

Beside it, in the same run and under the same emulator or KVM, the floor: the same disk image with the same first stage
and the same mounts, where one static address and one socket stand in place of PID 1 and Python (floor_machine/floor.c).
"""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import time
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, TypeVar

from talos.client import Client
from talos.client.errors import ApiError
from talos.imager import squashfs
from talos.imager.boot import artefacts
from talos.provision import qemu

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "_out"
STATIC = "ip=10.0.2.15::10.0.2.2:255.255.255.0::eth0:off no_timer_check"
TIMEOUT_S = 900.0
DISK_BYTES = 10 << 30
# Below it nothing is gained by asking more often: the machine has two processors to boot with.
POLL_S = 0.2
ATTEMPT_S = 1.0
Answer = TypeVar("Answer")


def measure(runs: int) -> dict[str, Any]:
    """Medians over `runs` starts of each. Keys: uki_mb, answer_s, floor_s, memory_mb."""
    folder = OUT / "bench/machine"
    folder.mkdir(parents=True, exist_ok=True)
    level = int(os.environ.get("IMAGE_LEVEL", squashfs.LEVEL))
    ours = _build(artefacts.Options(image=OUT / "image", out=OUT / "boot", level=level))
    floor = _build(
        artefacts.Options(
            image=OUT / "image", out=OUT / "bench/floor", level=level, kinds=("disk",), first_stage=_floor(folder)
        )
    )
    kernel = ours["cloud-amd64-kernel"]
    answers, floors, memory = [], [], []
    for _ in range(runs):
        took, used = _start(kernel, ours["cloud-amd64.raw"], folder, version, memory_in_use)
        floor_took, floor_used = _start(kernel, floor["cloud-amd64.raw"], folder, floor_answer, floor_answer)
        answers.append(took)
        floors.append(floor_took)
        memory.append(used - floor_used)
    middle = runs // 2
    return {
        "uki_mb": ours["cloud-amd64-uki.efi"].stat().st_size / 1e6,
        "answer_s": sorted(answers)[middle],
        "floor_s": sorted(floors)[middle],
        # Both read the images from the disk: what is left is the kernel's own on the floor.
        "memory_mb": sorted(memory)[middle] / 1e6,
        "accelerator": qemu.accelerator(kernel)[1],
    }


def _build(options: artefacts.Options) -> dict[str, Path]:
    return {path.name: path for path in artefacts.build(options)}


def _floor(folder: Path) -> Path:
    program, stage1 = folder / "floor", ROOT / "os/stage1"
    headers = ["-idirafter", "/usr/include", "-idirafter", "/usr/include/x86_64-linux-gnu", f"-I{stage1}"]
    others = [stage1 / name for name in ("modules.c", "slot.c", "verity.c")]
    sources = [ROOT / "bench/floor_machine/floor.c", *others]
    subprocess.run(["musl-gcc", "-std=gnu11", "-Os", "-static", "-s", *headers, "-o", program, *sources], check=True)
    return program


def _start(kernel: Path, image: Path, folder: Path, answer: Any, memory: Any) -> tuple[float, int]:
    """Seconds until the first answer, and bytes in use after a short rest."""
    disk = folder / "disk.raw"
    subprocess.run(["cp", "--sparse=always", image, disk], check=True)
    with disk.open("r+b") as file:
        file.truncate(DISK_BYTES)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    machine = qemu.Machine(
        folder / "console.log",
        accelerator=qemu.accelerator(kernel),
        networks=(f"user,id=net0,hostfwd=tcp:127.0.0.1:{port}-:50000",),
        disks=(qemu.Disk(disk),),
        arguments=STATIC,
        variables=qemu.new_variables(folder / "vars.fd"),
    )
    began = time.monotonic()
    with subprocess.Popen(qemu.command(machine), stdin=subprocess.DEVNULL) as process:
        try:
            _first_answer(answer, port, process, machine.console)
            took = time.monotonic() - began
            time.sleep(10)  # what starts with the API has started
            if (used := memory(port)) is None:
                raise RuntimeError(f"the machine answered once and then no more: {machine.console}")
            return took, used
        finally:
            process.kill()


def _first_answer(answer: Any, port: int, process: subprocess.Popen[bytes], console: Path) -> None:
    """Returns when an attempt was answered. RuntimeError.

    A connection that is tried before the machine has its address hangs until its time limit of 5 s: further ones are
    tried beside it, or the figure would be as coarse as that."""
    limit = time.monotonic() + TIMEOUT_S
    attempts = ThreadPoolExecutor(8)
    waiting: set[Future[int | None]] = set()
    try:
        while process.poll() is None and time.monotonic() < limit:
            waiting.add(attempts.submit(answer, port))
            done, waiting = wait(waiting, timeout=ATTEMPT_S, return_when=FIRST_COMPLETED)
            for attempt in done:
                if attempt.result() is not None:
                    return
            if done:
                time.sleep(POLL_S)
        raise RuntimeError(f"no answer; see {console}")
    finally:
        attempts.shutdown(wait=False, cancel_futures=True)


def version(port: int) -> str | None:
    """What a machine whose API answers says of itself."""
    return _ask(port, "Version", lambda message: str(message.version.tag))


def memory_in_use(port: int) -> int | None:
    """Bytes."""
    return _ask(port, "Memory", lambda message: int(message.meminfo.memtotal - message.meminfo.memavailable) * 1024)


def _ask(port: int, method: str, read: Callable[[Any], Answer]) -> Answer | None:
    async def ask() -> Answer:
        async with Client.insecure(f"127.0.0.1:{port}") as client:
            answer = await client.call(f"/machine.MachineService/{method}", timeout=5)
            return read(answer.messages[0])

    try:
        return asyncio.run(ask())
    except (ApiError, OSError, TimeoutError):
        return None


def floor_answer(port: int) -> int | None:
    """Bytes in use on the floor."""
    try:
        with socket.create_connection(("127.0.0.1", port), 5) as connection:
            connection.settimeout(5)
            text = b""
            while block := connection.recv(8192):
                text += block
    except OSError:
        return None
    fields = {line.split(":")[0]: int(line.split()[1]) for line in text.decode().splitlines() if ":" in line}
    return (fields["MemTotal"] - fields["MemAvailable"]) * 1024 if "MemAvailable" in fields else None
