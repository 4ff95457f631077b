"""What has to answer for the network to count as up."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import msgspec

from talos.config.network.http_probe_config import HTTPProbeConfig
from talos.config.network.tcp_probe_config import TCPProbeConfig

if TYPE_CHECKING:
    from talos.config.config import Config

INTERVAL_S, TIMEOUT_S = 1, 10
"""where a document says nothing else"""


class Probe(msgspec.Struct, frozen=True):
    """Whether something answers, over TCP (`endpoint`, host:port) or HTTP (`url`)."""

    interval: timedelta
    timeout: timedelta
    failure_threshold: int = 0
    endpoint: str = ""
    url: str = ""


def probes(config: Config) -> tuple[Probe, ...]:
    """Those of all documents."""
    over_tcp, over_http = config.get_all(TCPProbeConfig), config.get_all(HTTPProbeConfig)
    return (
        *(Probe(*_attempts(d), d.failure_threshold, endpoint=d.endpoint) for d in over_tcp),
        *(Probe(*_attempts(d), d.failure_threshold, url=d.url) for d in over_http),
    )


def _attempts(probe: TCPProbeConfig | HTTPProbeConfig) -> tuple[timedelta, timedelta]:
    return (
        timedelta(seconds=probe.interval.seconds or INTERVAL_S),
        timedelta(seconds=probe.timeout.seconds or TIMEOUT_S),
    )
