"""Figures of the API: calls through apid beside one bare grpclib server in the same run, a large read, many followers.

python -m bench.api [--existing STATE/NAME]     only these figures, on a cluster of their own or one that exists
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

from bench.cluster import TALOSCTL, first_node, run
from bench.memory import command, descendants
from talos.api import common_pb2, cosi_resource_pb2, machine_pb2
from talos.client import Client, TalosConfig
from talos.client.tls import client_context

ROOT = Path(__file__).resolve().parent.parent
VERSION = "/machine.MachineService/Version"
CALLS = 2000
CALLERS = 16
PERIOD_S = 4.0
READ_MB = 100
FOLLOWERS = 100
SETTLE_S = 3.0
IDLE_SHARE = 0.1
START_S = 60.0


def processor_ms(pids: list[int]) -> float:
    """What processes have spent so far (proc(5), stat): a busy neighbour changes times, and this hardly."""
    ticks = 0
    for pid in pids:
        ticks += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13]))
    return ticks * 1000 / os.sysconf("SC_CLK_TCK")


async def calls(client: Client, servers: dict[str, list[int]]) -> dict[str, float]:
    """One after another: p50 and p99 in ms, and the processor time of a call in client and servers. Then 16 callers at
    once on the one connection: calls a second."""
    for _ in range(200):
        await client.call(VERSION)
    took = []
    spent = {name: processor_ms(pids) for name, pids in servers.items()}
    own = time.process_time()
    for _ in range(CALLS):
        began = time.perf_counter()
        await client.call(VERSION)
        took.append((time.perf_counter() - began) * 1000)
    costs = {"client_cpu_ms": (time.process_time() - own) * 1000 / CALLS}
    costs |= {f"{name}_cpu_ms": (processor_ms(pids) - spent[name]) / CALLS for name, pids in servers.items()}
    done = 0
    until = time.perf_counter() + PERIOD_S

    async def caller() -> None:
        nonlocal done
        while time.perf_counter() < until:
            await client.call(VERSION)
            done += 1

    began = time.perf_counter()
    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    rate = done / (time.perf_counter() - began)
    p99 = statistics.quantiles(took, n=100)[98]
    return {"p50_ms": statistics.median(took), "p99_ms": p99, "calls_s": rate, **costs}


@contextlib.asynccontextmanager
async def bare_server() -> AsyncIterator[tuple[Client, int]]:
    """A client of the floor, and its server's process."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.bare", name, cwd=ROOT)
        try:
            while not (folder / "port").exists():  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            crt, key, ca = ((folder / f"{part}.pem").read_bytes() for part in ("crt", "key", "ca"))
            port = (folder / "port").read_text()
            async with Client([f"127.0.0.1:{port}"], client_context([ca], crt, key)) as client:
                yield client, process.pid
        finally:
            process.kill()
            await process.wait()


async def read(client: Client, path: str) -> float:
    """MB a second of a file read to its end."""
    began, size = time.perf_counter(), 0
    async for data in client.stream("/machine.MachineService/Read", machine_pb2.ReadRequest(path=path)):
        size += len(data.bytes)
    assert size == READ_MB * 1_000_000, size
    return size / 1e6 / (time.perf_counter() - began)


async def copy(client: Client, path: str) -> float:
    """MB of the file a second, compressed on the way."""
    began = time.perf_counter()
    async for _ in client.stream("/machine.MachineService/Copy", machine_pb2.CopyRequest(root_path=path)):
        pass
    return READ_MB / (time.perf_counter() - began)


def private_kib(init: int) -> float:
    """Memory that apid and machined have for themselves, in KiB (proc(5), smaps_rollup)."""
    total = 0
    for pid in descendants(init):
        with contextlib.suppress(OSError):
            if command(pid) in ("apid", "machined"):
                for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
                    if line.startswith(("Private_Clean:", "Private_Dirty:")):
                        total += int(line.split()[1])
    return float(total)


async def followers(client: Client, init: int, open_one: Callable[[], AsyncIterator[Any]]) -> float:
    """KiB that one of 100 streams, opened and silent, adds to apid and machined."""
    before = private_kib(init)
    streams = [open_one() for _ in range(FOLLOWERS)]

    async def follow(stream: AsyncIterator[Any]) -> None:
        async for _ in stream:
            pass

    tasks = [asyncio.ensure_future(follow(stream)) for stream in streams]
    await asyncio.sleep(SETTLE_S)
    after = private_kib(init)
    assert not any(task.done() for task in tasks), "a follower ended"
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    return (after - before) / FOLLOWERS


def watching(client: Client) -> Callable[[], AsyncIterator[Any]]:
    request = cosi_resource_pb2.WatchRequest(
        namespace="runtime",
        type="Services.v1alpha1.talos.dev",
        api_version=1,
        options=cosi_resource_pb2.WatchOptions(bootstrap_contents=True),
    )
    return lambda: client.stream("/cosi.resource.State/Watch", request)


def logging(client: Client) -> Callable[[], AsyncIterator[Any]]:
    request = machine_pb2.LogsRequest(
        id="machined", namespace="system", follow=True, tail_lines=10, driver=common_pb2.CONTAINERD
    )
    return lambda: client.stream("/machine.MachineService/Logs", request)


@contextlib.contextmanager
def big_file(init: int) -> Iterator[str]:
    """A file of 100 MB on the node's /var, not of zeros: a disk image or a snapshot is none either."""
    path = Path(f"/proc/{init}/root/var/bench-read")
    block = os.urandom(1_000_000)
    try:
        with path.open("wb") as file:
            for _ in range(READ_MB):
                file.write(block)
        yield "/var/bench-read"
    finally:
        path.unlink(missing_ok=True)


async def measure_node(config: TalosConfig, address: str, init: int) -> dict[str, Any]:
    """All figures, of a node that runs."""
    servers: dict[str, list[int]] = {"apid": [], "machined": []}
    for pid in descendants(init):
        with contextlib.suppress(OSError):
            servers.get(command(pid), []).append(pid)
    async with bare_server() as (bare, pid), Client.from_config(config, endpoints=[address]) as client:
        found: dict[str, Any] = {"bare": await calls(bare, {"server": [pid]}), "apid": await calls(client, servers)}
        with big_file(init) as path:
            found["read_mb_s"] = max([await read(client, path) for _ in range(3)])
            found["copy_mb_s"] = await copy(client, path)
        # One round first: what a process allocates once is no follower's.
        await followers(client, init, watching(client))
        await followers(client, init, logging(client))
        found["watch_kib"] = await followers(client, init, watching(client))
        found["log_kib"] = await followers(client, init, logging(client))
    return found


def measure(name: str = "benchapi") -> dict[str, Any]:
    """Figures of a lone control plane node that has not been bootstrapped: nothing but the API works there."""
    with tempfile.TemporaryDirectory() as folder:
        common = ["--name", name, "--state", f"{folder}/state"]
        try:
            run(
                TALOSCTL,
                "cluster",
                "create",
                *common,
                "--workers",
                "0",
                "--no-wait",
                "--skip-kubeconfig",
                "--talosconfig-destination",
                f"{folder}/talosconfig",
            )
            address, init = started_node(Path(f"{folder}/state", name))
            config = TalosConfig.parse(Path(f"{folder}/talosconfig").read_text())
            return asyncio.run(_when_it_answers(config, address, init))
        finally:
            subprocess.run([TALOSCTL, "cluster", "destroy", *common], capture_output=True, timeout=120)


def started_node(folder: Path) -> tuple[str, int]:
    """first_node of a cluster that was not waited for."""
    until = time.monotonic() + START_S
    while True:
        with contextlib.suppress(FileNotFoundError, ValueError):
            return first_node(folder)
        if time.monotonic() > until:
            raise SystemExit(f"no node of {folder} has started within {START_S:.0f} s")
        time.sleep(0.05)


async def idle() -> None:
    """Until the machine has done next to nothing for three seconds: the node's services still start when its API
    answers. Goes on after a minute, for then somebody else is busy here."""

    def spent() -> float:
        user, nice, system, *_ = map(int, Path("/proc/stat").read_text().split("\n")[0].split()[1:])
        return (user + nice + system) / os.sysconf("SC_CLK_TCK") / (os.cpu_count() or 1)

    for _ in range(20):
        before = spent()
        await asyncio.sleep(SETTLE_S)
        if spent() - before < IDLE_SHARE * SETTLE_S:
            return


async def _when_it_answers(config: TalosConfig, address: str, init: int) -> dict[str, Any]:
    from bench.cluster import first_version

    await asyncio.wait_for(first_version(config, address), 120)
    await idle()
    return await measure_node(config, address, init)


def rows(found: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    """(what, figure, must, aim) of each figure."""
    bare, apid = found["bare"], found["apid"]
    p50, rate = apid["p50_ms"] / bare["p50_ms"], apid["calls_s"] / bare["calls_s"]
    return [
        ("floor: bare grpclib server, one TLS connection, p50 of a call", f"{bare['p50_ms']:.2f} ms", "", ""),
        ("... p99", f"{bare['p99_ms']:.2f} ms", "", ""),
        ("... calls a second of 16 callers", f"{bare['calls_s']:.0f}", "", ""),
        ("Version through apid, p50", f"{apid['p50_ms']:.2f} ms", "", "0.66 ms"),
        ("... beside the floor", f"{p50:.2f}x", "2.00x", ""),
        ("... p99", f"{apid['p99_ms']:.2f} ms", "", "1.72 ms"),
        ("... calls a second of 16 callers", f"{apid['calls_s']:.0f}", "", "5460"),
        ("... beside the floor", f"{rate:.2f}x", "0.50x", ""),
        (
            "processor time of a call: client, apid, machined",
            " + ".join(f"{apid[f'{name}_cpu_ms']:.2f}" for name in ("client", "apid", "machined")),
            "",
            "",
        ),
        (
            "... client and bare server",
            " + ".join(f"{bare[f'{name}_cpu_ms']:.2f}" for name in ("client", "server")),
            "",
            "",
        ),
        ("read of 100 MB", f"{found['read_mb_s']:.0f} MB/s", "60 MB/s", "200 MB/s"),
        ("copy of 100 MB, compressed on the way", f"{found['copy_mb_s']:.0f} MB/s", "", ""),
        ("memory of one of 100 watches", f"{found['watch_kib']:.0f} KiB", "200 KB", ""),
        ("memory of one of 100 log followers", f"{found['log_kib']:.0f} KiB", "200 KB", ""),
    ]


def show(found: dict[str, Any]) -> None:
    """The figures, each beside what it must reach."""
    for name, value, must, aim in rows(found):
        print(f"{name:<66} {value:>11}  must {must:>9}  aim {aim:>9}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--existing", default="", help="STATE/NAME of a cluster whose first node is measured")
    existing = parser.parse_args().existing
    if existing:
        address, init = first_node(Path(existing))
        config = TalosConfig.parse(Path(f"{existing}.talosconfig").read_text())
        show(asyncio.run(measure_node(config, address, init)))
    else:
        show(measure())


if __name__ == "__main__":
    main()
