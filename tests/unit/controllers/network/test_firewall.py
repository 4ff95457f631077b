"""The ingress firewall: real packets through the kernel's rules between two namespaces."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.wires import Wire, needs, root, wire

from talos.config import Config
from talos.config.view.model import Firewall, FirewallRule
from talos.controllers.network.nf_tables_chain import NfTablesChainController, ruleset
from talos.controllers.network.nf_tables_chain_config import INGRESS, chain
from talos.environment import NodeEnvironment
from talos.linux.namespace import network_namespace
from talos.resources.network import NfTablesChainSpec
from talos.state.controller_runtime import ControllerRuntime
from talos.state.inmemory import InMemoryState

CLUSTER = ["10.244.0.0/16", "10.96.0.0/12"]
pytestmark = pytest.mark.slow  # what is dropped is waited for


@pytest.fixture
def cable() -> Iterator[Wire]:
    with wire() as made:
        peer, node = (made.peer, "lan0"), (made.node, "eth0")
        for (namespace, link), address in (
            (peer, "10.9.0.1/24"), (peer, "10.9.0.2/24"), (peer, "10.244.3.1/32"), (peer, "fd00:9::1/64"),
            (node, "10.9.0.7/24"), (node, "fd00:9::7/64"),
        ):  # fmt: skip
            more = ["nodad"] if ":" in address else []
            made.execute(namespace, "ip", "address", "add", address, "dev", link, *more)
        made.execute(made.node, "ip", "link", "set", "eth0", "up")
        made.execute(made.node, "ip", "link", "set", "lo", "up")
        made.execute(made.node, "ip", "route", "add", "10.244.3.1", "dev", "eth0")
        yield made


def apply(cable: Wire, *steps: NfTablesChainSpec | None) -> None:
    """What networkd makes of a chain, or of one after the other."""

    async def body() -> None:
        state = InMemoryState()
        env = NodeEnvironment()
        for step in steps:
            if step is not None:
                await state.modify(NfTablesChainSpec, INGRESS, lambda _, spec=step: spec)
            else:
                await state.teardown(NfTablesChainSpec, INGRESS)
            async with asyncio.timeout(10), ControllerRuntime(state, [NfTablesChainController], env):
                await state.wait_for(
                    NfTablesChainSpec, INGRESS, lambda found, held=step is not None: bool(found.md.finalizers) is held
                )
                await asyncio.sleep(0.2)

    cable.run(body)


@contextlib.contextmanager
def listening(cable: Wire, *ports: int) -> Iterator[None]:
    with contextlib.ExitStack() as stack, network_namespace(cable.node):
        for port in ports:
            stack.enter_context(socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True))
        yield


def connects(cable: Wire, port: int, source: str = "10.9.0.1", to: str = "10.9.0.7") -> bool:
    with network_namespace(cable.peer), contextlib.suppress(TimeoutError):
        socket.create_connection((to, port), timeout=0.25, source_address=(source, 0)).close()
        return True
    return False


DOCUMENTS = """\
apiVersion: v1alpha1
kind: NetworkDefaultActionConfig
ingress: block
---
apiVersion: v1alpha1
kind: NetworkRuleConfig
name: apid
portSelector: {ports: [50000, 5000-5010, 5005-5020], protocol: tcp}
ingress:
- {subnet: 10.9.0.0/24, except: 10.9.0.2/32}
- {subnet: "fd00:9::/64"}
"""


@root
@needs("nft")
def test_block(cable: Wire) -> None:
    apply(cable, chain(Config.decode(DOCUMENTS).network.firewall, CLUSTER))
    with listening(cable, 50000, 5015, 9100):
        assert connects(cable, 50000)
        assert connects(cable, 5015)
        assert connects(cable, 50000, "fd00:9::1", "fd00:9::7")
        assert not connects(cable, 50000, "10.9.0.2"), "an exception"
        assert not connects(cable, 9100), "no rule"
        assert not connects(cable, 9100, "fd00:9::1", "fd00:9::7")
        assert connects(cable, 9100, "10.244.3.1"), "a pod"
        with network_namespace(cable.node):
            socket.create_connection(("127.0.0.1", 9100), timeout=1).close()
    with network_namespace(cable.peer):
        peer = socket.create_server(("10.9.0.1", 8080))
    with peer, network_namespace(cable.node):
        socket.create_connection(("10.9.0.1", 8080), timeout=1).close()  # what the node begins is answered


@root
@needs("nft")
def test_accept_with_a_rule_closes_its_ports_to_others(cable: Wire) -> None:
    rule = FirewallRule("metrics", "tcp", ((9100, 9100),), (("10.9.0.2/32", ""),))
    apply(cable, chain(Firewall(False, (rule,)), CLUSTER))
    with listening(cable, 9100, 9200):
        assert connects(cable, 9100, "10.9.0.2")
        assert not connects(cable, 9100)
        assert not connects(cable, 9100, "fd00:9::1", "fd00:9::7"), "a family that no subnet is of"
        assert connects(cable, 9200)


@root
@needs("nft")
def test_removing_the_configuration_removes_the_chain_and_nothing_else(cable: Wire) -> None:
    cable.execute(cable.node, "nft", "add table inet talos; add chain inet talos other")
    apply(cable, chain(Firewall(True), CLUSTER), None)
    rules = cable.execute(cable.node, "nft", "list", "ruleset")
    assert "ingress" not in rules
    assert "chain other" in rules


subnets = st.sampled_from(["10.0.0.0/8", "10.1.0.0/16", "0.0.0.0/0", "fd00::/8", "::/0", "192.0.2.1/32"])
rules = st.builds(
    FirewallRule,
    name=st.just("x"),
    protocol=st.sampled_from(["tcp", "udp"]),
    ports=st.lists(st.tuples(st.integers(1, 65535), st.integers(0, 50)), min_size=1, max_size=5).map(
        lambda found: tuple((lo, min(lo + more, 65535)) for lo, more in found)
    ),
    subnets=st.lists(st.tuples(subnets, subnets | st.just("")), min_size=1, max_size=4).map(tuple),
)


@root
@needs("nft")
def test_nft_takes_whatever_the_configuration_may_say(cable: Wire) -> None:
    """One script with many rules: nft checks each."""
    found: list[FirewallRule] = []

    @settings(suppress_health_check=[HealthCheck.too_slow], max_examples=30)  # a busy machine is slow
    @given(st.lists(rules, min_size=1, max_size=4))
    def collect(more: list[FirewallRule]) -> None:
        found.extend(more)

    collect()
    for block in (True, False):
        script = ruleset({INGRESS: chain(Firewall(block, tuple(found)), CLUSTER)}, set())
        # The image has no tables of names in /etc either.
        program = f"mount -t tmpfs none /etc && nft -f - <<'END'\n{script}END\n"
        cable.execute(cable.node, "unshare", "-m", "sh", "-c", program)
