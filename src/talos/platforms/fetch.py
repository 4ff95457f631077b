"""A file by HTTP, and variables in its URL."""

from __future__ import annotations

import asyncio
import urllib.parse
from collections.abc import Mapping

from talos.platforms import MAX_FILE, Machine, PlatformError

TIMEOUT_S = 30.0
CODE, UUID_OVERRIDE = "0x0b", "0x0f"
"""of META: what a person handed the machine for the URL, and a UUID where the firmware's tells nothing"""


def fill_in(url: str, machine: Machine) -> str:
    """The URL with ${uuid}, ${serial}, ${mac}, ${hostname} and ${code} in its query, and uuid= without a value, filled
    in.

    PlatformError for a variable that this machine has no value for: half an identity would fetch somebody else's
    configuration.
    """
    parts = urllib.parse.urlsplit(url)
    query = []
    for name, value in urllib.parse.parse_qsl(parts.query, keep_blank_values=True):
        if name == "uuid" and not value:
            value = "${uuid}"
        for variable, known in variables(machine).items():
            if f"${{{variable}}}" in value:
                if not known:
                    raise PlatformError(f"{url}: this machine has no {variable}")
                value = value.replace(f"${{{variable}}}", known)
        query.append((name, value))
    return urllib.parse.urlunsplit(parts._replace(query=urllib.parse.urlencode(query, safe=":")))


def variables(machine: Machine) -> Mapping[str, str]:
    """What the variables stand for; "" for what is not known (yet)."""
    up = [link for _, link in machine.links if link.link_state] or [link for _, link in machine.links]
    return {
        "uuid": machine.meta.get(UUID_OVERRIDE, "") or machine.dmi("product_uuid").lower(),
        "serial": machine.dmi("product_serial"),
        "mac": (up[0].permanent_addr or up[0].hardware_addr) if up else "",
        "hostname": machine.hostname,
        "code": machine.meta.get(CODE, ""),
    }


async def get(url: str) -> bytes | None:
    """The body; None for 404. PlatformError, OSError: may be tried again."""
    scheme = urllib.parse.urlsplit(url).scheme
    if scheme not in ("http", "https"):
        raise PlatformError(f"{url}: only http and https are fetched, not {scheme or 'a path'}")
    return await asyncio.to_thread(_get, url)


def _get(url: str) -> bytes | None:
    import http.client
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(url, timeout=TIMEOUT_S) as answer:
            data: bytes = answer.read(MAX_FILE + 1)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 404:
                return None
            raise PlatformError(f"{url}: the server answers {error.code} {error.reason}") from error
    except (http.client.HTTPException, ValueError) as error:
        raise PlatformError(f"{url}: {error or type(error).__name__}") from error
    except urllib.error.URLError as error:
        raise OSError(f"{url}: {error.reason}") from error
    if len(data) > MAX_FILE:
        raise PlatformError(f"{url}: longer than {MAX_FILE >> 20} MiB")
    return data
