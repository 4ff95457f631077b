"""Network namespaces for tests: a node with a wire to another machine, and nothing of this host in either.

A network namespace belongs to a thread: `Wire.run` runs an event loop in a thread of its own that lives in the node's
namespace, so that whatever a controller opens there is the node's.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import pytest

from talos.linux.namespace import CLONE_NEWNET, network_namespace, new_network_namespace, setns
from talos.linux.netlink_socket import RouteSocket

T = TypeVar("T")
root = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")


def needs(program: str) -> pytest.MarkDecorator:
    """The test asks a real program."""
    found = shutil.which(program, path=f"{os.environ['PATH']}:/usr/sbin:/sbin")
    return pytest.mark.skipif(found is None, reason=f"{program} is not installed")


class Wire:
    """A namespace `node` with one link, whose other end is in the namespace `peer`."""

    def __init__(self, link: str = "eth0", peer_link: str = "lan0") -> None:
        self.node, self.peer = new_network_namespace(), new_network_namespace()
        with self.inside(self.peer) as there:
            there.veth_add(peer_link, "wire", peer_namespace=self.node)
            there.link_set(1, up=True)
            found = there.link(peer_link)
            assert found is not None
            there.link_set(found.index, up=True)
        with self.inside(self.node) as here:
            found = here.link("wire")
            assert found is not None
            here.link_set(found.index, name=link)

    def inside(self, namespace: int) -> RouteSocket:
        """Netlink of a namespace."""
        with network_namespace(namespace):
            return RouteSocket()

    def execute(self, namespace: int, *command: str | Path) -> str:
        """Output of a program run in a namespace."""
        with network_namespace(namespace):
            done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
        return done.stdout

    def start(self, namespace: int, *command: str | Path, **options: Any) -> subprocess.Popen[str]:
        """A program that goes on running in a namespace."""
        with network_namespace(namespace):
            pipe, devnull = subprocess.PIPE, subprocess.DEVNULL
            return subprocess.Popen(command, stdin=devnull, stdout=pipe, stderr=subprocess.STDOUT, text=True, **options)

    def run(self, body: Callable[[], Coroutine[Any, Any, T]], namespace: int | None = None) -> T:
        """Result of a coroutine that runs in the node's namespace."""
        result: list[T] = []
        failure: list[BaseException] = []

        def thread() -> None:
            try:
                setns(self.node if namespace is None else namespace, CLONE_NEWNET)
                result.append(asyncio.run(body()))
            except BaseException as error:
                failure.append(error)

        worker = threading.Thread(target=thread)
        worker.start()
        worker.join()
        if failure:
            raise failure[0]
        return result[0]

    def close(self) -> None:
        os.close(self.node)
        os.close(self.peer)


@contextmanager
def wire() -> Iterator[Wire]:
    """A wire that is gone afterwards: the namespaces end with their last file descriptor."""
    made = Wire()
    try:
        yield made
    finally:
        made.close()


def stop(process: subprocess.Popen[str]) -> str:
    """End a program; what it said."""
    process.terminate()
    try:
        return process.communicate(timeout=5)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0]
