"""Platforms: metal's sources of a configuration, nocloud's seed on a server and on a disk."""

from __future__ import annotations

import base64
import functools
import gzip
import http.server
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from tests.wires import needs

from talos.environment import NodeEnvironment
from talos.kernel_arguments import KernelArguments
from talos.platforms import Machine, NoSeedError, PlatformError, container, fetch, metal, nocloud, of, seed_disk
from talos.resources.enums import BondMode, ConfigLayer, LinkType, Operator
from talos.resources.network import LinkStatusSpec

LINKS = [
    (name, LinkStatusSpec(index=index, type=LinkType.ETHER, hardware_addr=f"02:00:00:00:00:0{index}", link_state=True))
    for index, name in enumerate(("eth0", "eth1"), 1)
]


def machine(root: Path, arguments: str = "", hostname: str = "", **dmi: str) -> Machine:
    folder = root / "sys/class/dmi/id"
    folder.mkdir(parents=True, exist_ok=True)
    for name, value in dmi.items():
        (folder / name).write_text(f"{value}\n")
    env = NodeEnvironment(platform="metal", arguments=KernelArguments(arguments), root=root)
    return Machine(env, LINKS, hostname)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A web server: (URL with a slash at the end, folder)."""
    folder = tmp_path / "www"
    folder.mkdir()

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            with (tmp_path / "requests").open("a") as file:
                file.write(f"{self.path}\n")

    handler: Callable[..., Quiet] = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{web.server_port}/", folder
        web.shutdown()
        thread.join()


async def test_metal_without_a_source_waits_for_a_person(tmp_path: Path) -> None:
    assert await metal.configuration(machine(tmp_path)) is None
    assert await metal.configuration(machine(tmp_path, "talos.config=none")) is None


async def test_metal_fetches_with_its_identity_filled_in(tmp_path: Path, server: tuple[str, Path]) -> None:
    url, folder = server
    (folder / "config").write_bytes(b"machine: {}\n")
    asked = f'talos.config="{url}config?u=${{uuid}}&s=${{serial}}&m=${{mac}}&h=${{hostname}}&uuid="'
    identity = {"product_uuid": "ABCDEF00-0000-0000-0000-000000000001", "product_serial": "S 1&x"}
    assert await metal.configuration(machine(tmp_path, asked, "node7", **identity)) == b"machine: {}\n"
    uuid = identity["product_uuid"].lower()
    query = f"u={uuid}&s=S+1%26x&m=02:00:00:00:00:01&h=node7&uuid={uuid}"
    assert (tmp_path / "requests").read_text() == f"/config?{query}\n"


async def test_half_an_identity_fetches_nothing(tmp_path: Path, server: tuple[str, Path]) -> None:
    with pytest.raises(PlatformError, match="no serial"):
        await metal.configuration(machine(tmp_path, f"talos.config={server[0]}?s=${{serial}}"))
    assert not (tmp_path / "requests").exists()


async def test_what_a_server_may_do_wrong(
    tmp_path: Path, server: tuple[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    url, folder = server
    with pytest.raises(PlatformError, match="404"):
        await metal.configuration(machine(tmp_path, f"talos.config={url}absent"))
    with pytest.raises(OSError, match="refused"):
        await metal.configuration(machine(tmp_path, "talos.config=http://127.0.0.1:1/x"))
    with pytest.raises(PlatformError, match="only http and https"):
        await metal.configuration(machine(tmp_path, f"talos.config=file://{folder}"))
    monkeypatch.setattr(fetch, "MAX_FILE", 10)
    (folder / "long").write_bytes(bytes(11))
    with pytest.raises(PlatformError, match="longer than"):
        await metal.configuration(machine(tmp_path, f"talos.config={url}long"))


async def test_inline(tmp_path: Path) -> None:
    for data in (b"machine: {}", gzip.compress(b"machine: {}")):
        text = base64.b64encode(data).decode()
        assert await metal.configuration(machine(tmp_path, f"talos.config.inline={text}")) == b"machine: {}"
    for text in ("%%", base64.b64encode(b"\x1f\x8b\x08rubbish").decode(), "KLUv/QAA"):
        with pytest.raises(PlatformError, match=r"talos\.config\.inline"):
            await metal.configuration(machine(tmp_path, f"talos.config.inline={text}"))


async def test_unknown_platforms_are_named() -> None:
    with pytest.raises(PlatformError, match=r"talos\.platform=moon.*metal, nocloud"):
        of(NodeEnvironment(platform="moon"))
    assert of(NodeEnvironment(platform="container")) is container


async def test_a_container_asks_the_resolvers_that_its_environment_names(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/resolv.conf").write_text("nameserver 192.0.2.1\nnameserver 127.0.0.53\n")
    for variables, servers in (({"NAMESERVERS": "10.5.0.1,10.5.0.2"}, ["10.5.0.1", "10.5.0.2"]), ({}, ["192.0.2.1"])):
        env = NodeEnvironment(root=tmp_path, platform="container", variables=variables)
        (resolvers,) = (await container.network(Machine(env, LINKS, ""))).resolvers
        assert resolvers.dns_servers == servers


async def test_seed_from_a_server(tmp_path: Path, server: tuple[str, Path]) -> None:
    url, folder = server
    (folder / "user-data").write_bytes(b"machine: {}\n")
    (folder / "meta-data").write_bytes(b"instance-id: i-1\nlocal-hostname: seven.example.org\n")
    seeded = machine(tmp_path, product_serial=f"ds=nocloud;s={url};h=other")
    assert await nocloud.configuration(seeded) == b"machine: {}\n"
    spec = await nocloud.network(seeded)
    assert [(one.hostname, one.domainname, one.layer) for one in spec.hostnames] == [
        ("seven", "example.org", ConfigLayer.PLATFORM)
    ]
    assert spec.metadata is not None
    assert (spec.metadata.platform, spec.metadata.instance_id) == ("nocloud", "i-1")
    by_argument = machine(tmp_path / "other", f'"ds=nocloud-net;seedfrom={url}"')
    assert await nocloud.configuration(by_argument) == b"machine: {}\n"


async def test_user_data_that_includes_and_that_is_somebody_elses(tmp_path: Path, server: tuple[str, Path]) -> None:
    url, folder = server
    (folder / "real").write_bytes(b"machine: {}\n")
    seeded = machine(tmp_path, product_serial=f"ds=nocloud;s={url}")
    (folder / "user-data").write_text(f"#include\n# the real one\n{url}real\n")
    assert await nocloud.configuration(seeded) == b"machine: {}\n"
    (folder / "user-data").write_text(f"#include\n{url}real\n{url}real\n")
    with pytest.raises(PlatformError, match="2 URLs"):
        await nocloud.configuration(seeded)
    (folder / "user-data").write_text("#cloud-config\nusers: []\n")
    assert await nocloud.configuration(seeded) is None


async def test_no_seed_at_all(tmp_path: Path) -> None:
    with pytest.raises(NoSeedError, match="CIDATA"):
        await nocloud.configuration(machine(tmp_path))


@needs("xorriso")
def test_the_seed_disk_is_found_by_its_label(tmp_path: Path) -> None:
    """Found by reading; mounting it needs a block device, which the machine test has."""
    content = tmp_path / "content"
    content.mkdir()
    (content / "user-data").write_text("x")
    (tmp_path / "dev").mkdir()
    for name in ("sr0", "vda", "sr1"):
        (tmp_path / "sys/class/block" / name).mkdir(parents=True)
    (tmp_path / "dev/vda").write_bytes(bytes(100_000))
    image = tmp_path / "dev/sr0"
    command = [str(shutil.which("xorriso")), "-as", "mkisofs", "-quiet", "-V", "CIDATA", "-o", image, content]
    subprocess.run(command, check=True, capture_output=True)
    found = seed_disk.find(machine(tmp_path), ("cidata",))
    assert found is not None
    assert (found[0], found[1].name) == (image, "iso9660")
    assert seed_disk.find(machine(tmp_path), ("metal-iso",)) is None


VERSION_1 = """\
version: 1
config:
- type: physical
  name: nic0
  mac_address: "02:00:00:00:00:02"
  mtu: 1400
  subnets:
  - {type: static, address: 10.1.0.5, netmask: 255.255.255.0, gateway: 10.1.0.1, dns_nameservers: [10.1.0.2],
     dns_search: [a.test], routes: [{network: 172.16.0.0, netmask: 255.240.0.0, gateway: 10.1.0.9}]}
  - {type: static6, address: "fd00::5/64"}
- {type: physical, name: eth0, subnets: [{type: dhcp4}, {type: dhcp6}]}
- {type: vlan, name: nic0.7, vlan_link: nic0, vlan_id: 7, subnets: [{type: static, address: 10.7.0.5/24}]}
- {type: bond, name: bond0, bond_interfaces: [nic0, eth0], params: {bond-mode: active-backup, bond-miimon: 100}}
- {type: nameserver, address: [10.1.0.3], search: [b.test]}
"""

VERSION_2 = """\
network:
  version: 2
  ethernets:
    first:
      match: {macaddress: "02:00:00:00:00:02"}
      mtu: 1400
      addresses: [10.1.0.5/24, "fd00::5/64"]
      gateway4: 10.1.0.1
      routes: [{to: 172.16.0.0/12, via: 10.1.0.9}]
      nameservers: {addresses: [10.1.0.2, 10.1.0.3], search: [a.test, b.test]}
    all:
      match: {name: "eth0*"}
      dhcp4: true
      dhcp6: true
  vlans:
    nic0.7: {link: first, id: 7, addresses: [10.7.0.5/24]}
  bonds:
    bond0: {interfaces: [first, eth0], parameters: {mode: active-backup, mii-monitor-interval: 100}}
"""


@pytest.mark.parametrize("text", [VERSION_1, VERSION_2], ids=["version 1", "version 2"])
def test_both_versions_of_network_config_say_the_same(text: str, tmp_path: Path) -> None:
    spec = nocloud.parse(nocloud._yaml("network-config", text.encode()), machine(tmp_path))
    assert [(one.link_name, one.address) for one in spec.addresses] == [
        ("eth1", "10.1.0.5/24"), ("eth1", "fd00::5/64"), ("nic0.7", "10.7.0.5/24"),
    ]  # fmt: skip
    assert [(one.out_link_name, one.dst, one.gateway) for one in spec.routes] == [
        ("eth1", "", "10.1.0.1"), ("eth1", "172.16.0.0/12", "10.1.0.9"),
    ]  # fmt: skip
    assert [(one.link_name, one.operator) for one in spec.operators] == [
        ("eth0", Operator.DHCP4), ("eth0", Operator.DHCP6),
    ]  # fmt: skip
    assert spec.resolvers[0].dns_servers == ["10.1.0.2", "10.1.0.3"]
    assert spec.resolvers[0].search_domains == ["a.test", "b.test"]
    links = {link.name: link for link in spec.links}
    assert links["eth1"].mtu == 1400
    assert (links["nic0.7"].parent_name, links["eth1"].master_name) == ("eth1", "bond0")
    bond = links["bond0"].bond_master
    assert bond is not None
    assert (bond.mode, bond.miimon) == (BondMode.ACTIVE_BACKUP, 100)
    assert all(link.layer is ConfigLayer.PLATFORM for link in spec.links)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[]", "no mapping"),
        ("version: 3", "neither 1 nor 2"),
        ("version: 1\nconfig: [{type: physical, name: x, mac_address: '02:00:00:00:00:09'}]", "no link has"),
        ("version: 1\nconfig: [{type: infiniband, name: x}]", "does not know"),
        ("version: 1\nconfig: [{type: vlan, name: x, vlan_link: y, vlan_id: z}]", "z"),
        ("version: 2\nethernets: {x: {addresses: [10.0.0.300/8]}}", "10.0.0.300"),
        ("version: 2\nbonds: {x: {parameters: {mode: best}}}", "best"),
        ("version: 2\nvlans: {x: {id: 5}}", "link"),
        ("version: 2\nethernets: {x: 7}", "x"),
        ("{", "no YAML"),
    ],
)
def test_network_config_that_cannot_be_used_says_where(text: str, reason: str, tmp_path: Path) -> None:
    with pytest.raises(PlatformError, match=reason):
        nocloud.parse(nocloud._yaml("network-config", text.encode()), machine(tmp_path))


NETWORK = """
addresses:
  - {address: 192.0.2.10/24, linkName: eth0, family: inet4, scope: global, flags: permanent}
links:
  - {name: eth0, up: true, mtu: 1400}
routes:
  - {family: inet4, gateway: 192.0.2.1, outLinkName: eth0, table: main, priority: 1024, scope: global, type: unicast}
hostnames: [{hostname: one, domainname: example.org}]
resolvers: [{dnsServers: [192.0.2.53]}]
timeServers: [{timeServers: [192.0.2.123]}]
operators: [{operator: dhcp6, linkName: eth1, requireUp: true}]
externalIPs: [203.0.113.9]
"""


async def test_metal_takes_its_network_from_meta(tmp_path: Path) -> None:
    bare = machine(tmp_path, product_uuid="AB")
    assert (await metal.network(bare)).addresses == []
    spec = await metal.network(msgspec.structs.replace(bare, meta={"0x0a": NETWORK}))
    (address,), (route,) = spec.addresses, spec.routes
    assert (address.address, address.link_name, address.layer) == ("192.0.2.10/24", "eth0", ConfigLayer.PLATFORM)
    assert (address.family.text, address.flags.text) == ("inet4", "permanent")
    assert (route.gateway, route.table.text, route.priority) == ("192.0.2.1", "main", 1024)
    assert spec.links[0].mtu == 1400 and spec.operators[0].operator is Operator.DHCP6
    assert (spec.hostnames[0].hostname, spec.external_ips) == ("one", ["203.0.113.9"])
    assert spec.metadata is not None and (spec.metadata.platform, spec.metadata.instance_id) == ("metal", "ab")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("- a", "no mapping"),
        ("addresses: [{adress: x}]", r"addresses\[0\]\.adress is not known"),
        ("addresses: [{family: inet5}]", r"addresses\[0\]\.family: 'inet5' is not one of"),
        ("addresses: {}", "array"),
        ("a: [", "META 0x0a"),
    ],
)
async def test_a_network_in_meta_that_cannot_be_read_names_the_place(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(PlatformError, match=words):
        await metal.network(msgspec.structs.replace(machine(tmp_path), meta={"0x0a": text}))


def test_a_code_and_a_uuid_from_meta_fill_in_the_url(tmp_path: Path) -> None:
    one = msgspec.structs.replace(machine(tmp_path, product_uuid="AB"), meta={"0x0b": "s3cret", "0x0f": "cd"})
    url = fetch.fill_in("http://c/?code=${code}&uuid=", one)
    assert url == "http://c/?code=s3cret&uuid=cd"
    with pytest.raises(PlatformError, match="this machine has no code"):
        fetch.fill_in("http://c/?code=${code}", machine(tmp_path))
