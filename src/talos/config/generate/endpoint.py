"""The URL of the Kubernetes API as a person gives it."""

from __future__ import annotations

from ipaddress import ip_address
from urllib.parse import urlsplit

from talos.config.errors import ConfigError


def check_endpoint(url: str) -> None:
    """Raise ConfigError unless the text is a usable https URL."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as e:
        raise ConfigError(f"cluster endpoint {url!r} is no URL: {e}") from None
    if not parts.scheme or not parts.netloc:
        raise ConfigError(f"cluster endpoint {url!r} must be a full URL, such as https://10.0.0.1:6443")
    if parts.scheme != "https":
        raise ConfigError(f"cluster endpoint {url!r} must begin with https://")
    if not parts.hostname or port == 0:
        raise ConfigError(f"cluster endpoint {url!r} must have a host, such as https://10.0.0.1:6443")


def family(url: str) -> int:
    """4 or 6: which addresses pods and Services get by default. An endpoint with an IPv6 address says that the machines
    have those; a name says nothing."""
    try:
        return ip_address(urlsplit(url).hostname or "").version
    except ValueError:
        return 4
