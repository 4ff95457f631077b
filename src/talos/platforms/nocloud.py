"""cloud-init's NoCloud seed, which homelab hypervisors (Proxmox, libvirt, Harvester) hand over.

The firmware's serial number (`ds=nocloud;s=URL;h=NAME;i=ID`) or a kernel argument of the same form may point to a
server with a trailing slash; otherwise the files are on a disk or CD with the label CIDATA. user-data is the machine
configuration; a cloud-config is somebody else's, and means maintenance mode.
"""

from __future__ import annotations

from typing import Any

from talos.platforms import Machine, NoSeedError, PlatformError, fetch, seed_disk
from talos.platforms.network_config import parse
from talos.resources.enums import ConfigLayer
from talos.resources.network import HostnameSpecSpec, PlatformConfigSpec
from talos.resources.runtime.platform_metadata import PlatformMetadataSpec

LABELS = ("cidata",)
FILES = ("user-data", "meta-data", "network-config")
_INCLUDE = b"#include"


def settings(machine: Machine) -> dict[str, str]:
    """s (seed URL), h (host name), i (instance) of the first source that names nocloud."""
    sources = [machine.dmi("product_serial"), *(f"ds={value}" for value in machine.env.arguments.values("ds"))]
    for source in sources:
        words = source.split(";")
        if words[0] in ("ds=nocloud", "ds=nocloud-net"):
            pairs = (word.partition("=") for word in words[1:])
            long = {"seedfrom": "s", "local-hostname": "h", "instance-id": "i"}
            return {long.get(name, name): value for name, _, value in pairs if value}
    return {}


async def seed(machine: Machine, *names: str) -> dict[str, bytes]:
    """The named files that exist. PlatformError, OSError: may be tried again."""
    if url := settings(machine).get("s"):
        if not url.endswith("/"):
            raise PlatformError(f"ds=nocloud: the seed URL {url} does not end with a slash")
        found = {name: await fetch.get(url + name) for name in names}
        return {name: data for name, data in found.items() if data is not None}
    on_disk = await seed_disk.files(machine, LABELS, FILES)
    if on_disk is None:
        raise NoSeedError(
            "no disk has the label CIDATA, and neither firmware nor kernel arguments name a seed (ds=nocloud;s=URL)"
        )
    return on_disk


async def configuration(machine: Machine) -> bytes | None:
    """user-data, also by `#include` of one URL."""
    data = (await seed(machine, "user-data")).get("user-data", b"")
    if data.startswith(_INCLUDE):
        urls = [line.strip().decode("ascii", "replace") for line in data.removeprefix(_INCLUDE).splitlines()]
        urls = [url for url in urls if url and not url.startswith("#")]
        if len(urls) != 1:
            raise PlatformError(f"user-data includes {len(urls)} URLs; one can be followed")
        fetched = await fetch.get(fetch.fill_in(urls[0], machine))
        if fetched is None:
            raise PlatformError(f"user-data includes {urls[0]}, which is not found")
        data = fetched
    if data.lstrip().startswith(b"#cloud-config"):
        machine.log.warning("user-data is a cloud-config, not a machine configuration: it is ignored")
        return None
    return data if data.strip() else None


async def network(machine: Machine) -> PlatformConfigSpec:
    """meta-data and network-config."""
    files = await seed(machine, "meta-data", "network-config")
    given, meta = settings(machine), _mapping("meta-data", files.get("meta-data", b""))
    text = files.get("network-config", b"")
    spec = parse(_yaml("network-config", text), machine) if text.strip() else PlatformConfigSpec()
    hostname = str(meta.get("local-hostname") or meta.get("hostname") or given.get("h", ""))
    if hostname:
        name, _, domain = hostname.partition(".")
        spec.hostnames = [HostnameSpecSpec(hostname=name, domainname=domain, layer=ConfigLayer.PLATFORM)]
    spec.metadata = PlatformMetadataSpec(
        platform="nocloud",
        hostname=hostname,
        region=str(meta.get("region") or ""),
        zone=str(meta.get("zone") or ""),
        instance_type=str(meta.get("instance-type") or ""),
        instance_id=str(meta.get("instance-id") or given.get("i", "")),
        provider_id=str(meta.get("provider-id") or ""),
        internal_dns=str(meta.get("internal-dns") or ""),
        external_dns=str(meta.get("external-dns") or ""),
    )
    return spec


def _yaml(name: str, data: bytes) -> Any:
    import yaml

    try:
        return yaml.load(data, Loader=yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader)
    except (yaml.YAMLError, ValueError) as error:
        raise PlatformError(f"{name} is no YAML: {error}") from error


def _mapping(name: str, data: bytes) -> dict[str, Any]:
    found = _yaml(name, data)
    if found is None:
        return {}
    if not isinstance(found, dict):
        raise PlatformError(f"{name} is no mapping")
    return found
