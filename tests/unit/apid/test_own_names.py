"""Which names mean this node: its addresses and host name, not what its certificate is valid for.

Several control plane nodes share the additional names of their certificates; a node that took those
for its own would answer, and reboot, in place of another.
"""

from __future__ import annotations

import asyncio

from msgspec.structs import replace

from talos.apid.credentials import changes
from talos.resources.network import HostnameStatusSpec, NodeAddressSpec
from talos.resources.own_names import own_names
from talos.resources.runtime import APIServiceConfigSpec
from talos.resources.secrets import APICertsSpec
from talos.state import InMemoryState, Resource

from .conftest import Cluster, M


async def test_certificate_valid_for_another_node_does_not_make_it_this_one(cluster: Cluster) -> None:
    shared = cluster.ca.server("127.0.0.1", name="127.0.0.2")
    first = replace(
        cluster.first.credentials,
        server_certificate=shared.certificate,
        server_key=shared.key,
        names=frozenset({"127.0.0.1", "one"}),
    )
    cluster.first.service.apply(first)
    async with cluster.client() as client:
        for node, tag in (("127.0.0.2", "two"), ("127.0.0.1", "one"), ("ONE", "one")):
            reply = await client.call(M + "Version", node=node)
            assert reply.messages[0].version.tag == tag
        # an address that comes later is this node's too, and the connection stays
        cluster.first.service.apply(replace(first, names=frozenset({"127.0.0.1", "10.9.9.9"})))
        assert (await client.call(M + "Version", node="10.9.9.9")).messages[0].version.tag == "one"


def test_names_are_addresses_without_their_prefix_and_the_host_name_short_and_full() -> None:
    addresses = NodeAddressSpec(addresses=["10.5.0.2/24", "fd00::2/64"])
    hostname = HostnameStatusSpec(hostname="CP-1", domainname="example.org")
    assert own_names(addresses, hostname) == {"10.5.0.2", "fd00::2", "cp-1", "cp-1.example.org"}
    assert own_names(None, None) == frozenset()


async def test_addresses_reach_the_credentials() -> None:
    state = InMemoryState()
    certificates = APICertsSpec()
    certificates.server.crt = certificates.server.key = "PEM"
    await state.create(Resource.new(APICertsSpec, "api", certificates))
    await state.create(Resource.new(APIServiceConfigSpec, "apid", APIServiceConfigSpec(listen_address=":50000")))
    updates = changes(state)
    try:
        async with asyncio.timeout(5):
            await anext(updates)
            await state.create(Resource.new(NodeAddressSpec, "current", NodeAddressSpec(addresses=["10.5.0.2/24"])))
            credentials, _ = await anext(updates)
            while not credentials.names:
                credentials, _ = await anext(updates)
            assert credentials.names == {"10.5.0.2"}
    finally:
        await updates.aclose()
