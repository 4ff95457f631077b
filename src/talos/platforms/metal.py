"""A machine of one's own: the configuration is where the kernel argument talos.config says.

    talos.config=https://…      fetched, again and again for three minutes; variables in the query are filled in
    talos.config=metal-iso      config.yaml on a disk or CD with the label metal-iso
    talos.config.inline=…       base64 of the configuration, by zstd, gzip or as it is
    talos.config=none, or none  maintenance mode
"""

from __future__ import annotations

import base64
import binascii
import gzip
import io
import zlib

import msgspec

from talos.platforms import MAX_FILE, Machine, NoSeedError, PlatformError, fetch, meta_network, seed_disk
from talos.resources.network import PlatformConfigSpec
from talos.resources.runtime.platform_metadata import PlatformMetadataSpec

ISO_LABEL = "metal-iso"
ISO_FILE = "config.yaml"
_ZSTD = b"\x28\xb5\x2f\xfd"


async def configuration(machine: Machine) -> bytes | None:
    """From wherever the kernel arguments point."""
    arguments = machine.env.arguments
    if inline := "".join(arguments.values("talos.config.inline")):
        return decode_inline(inline)
    source = arguments.last("talos.config")
    if source in ("", "none"):
        return None
    if source == ISO_LABEL:
        found = await seed_disk.files(machine, (ISO_LABEL,), (ISO_FILE,))
        if not found:
            raise NoSeedError(f"talos.config={ISO_LABEL}: no disk with that label holds a {ISO_FILE}")
        return found[ISO_FILE]
    url = fetch.fill_in(source, machine)
    data = await fetch.get(url)
    if data is None:
        raise PlatformError(f"{url}: the server answers 404 Not Found")
    return data


def decode_inline(text: str) -> bytes:
    """talos.config.inline; a long one may be split over several arguments. PlatformError."""
    try:
        data = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise PlatformError(f"talos.config.inline is not base64: {error}") from error
    if data[:4] == _ZSTD:
        from talos.linux import zstd

        try:
            return zstd.decompress(data, MAX_FILE)
        except zstd.ZstdError as error:
            raise PlatformError(f"talos.config.inline: {error}") from error
    if data[:2] != b"\x1f\x8b":
        return data
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            found = file.read(MAX_FILE + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise PlatformError(f"talos.config.inline: {error}") from error
    if len(found) > MAX_FILE:
        raise PlatformError(f"talos.config.inline: longer than {MAX_FILE >> 20} MiB")
    return found


async def network(machine: Machine) -> PlatformConfigSpec:
    """What META says, if it says anything: there is nobody else to ask. The rest is said by DHCP, kernel arguments and
    configuration."""
    text = machine.meta.get(meta_network.KEY, "")
    spec = meta_network.parse(text) if text.strip() else PlatformConfigSpec()
    metadata = spec.metadata or PlatformMetadataSpec(hostname=machine.hostname)
    metadata.platform = "metal"
    metadata.instance_id = metadata.instance_id or machine.dmi("product_uuid").lower()
    return msgspec.structs.replace(spec, metadata=metadata)
