"""Probes that the configuration asks for."""

from __future__ import annotations

from talos.controllers import machine_config
from talos.controllers.network.layers import CONFIG_NAMESPACE, layered_id
from talos.controllers.publish import publish
from talos.resources.enums import ConfigLayer
from talos.resources.network import HTTPProbeSpec, ProbeSpecSpec, TCPProbeSpec
from talos.state.controller import SHARED, Controller, Output
from talos.state.runtime import Runtime


def probe_id(spec: ProbeSpecSpec) -> str:
    """``tcp:HOST:PORT`` or ``http:URL``: two documents that ask for the same are one probe."""
    return f"tcp:{spec.tcp.endpoint}" if spec.tcp is not None else f"http:{spec.http.url if spec.http else ''}"


class ProbeConfigController(Controller):
    """MachineConfig → ProbeSpecs of the layer "configuration"."""

    name = "network.ProbeConfigController"
    inputs = (machine_config.ACTIVE_CONFIG,)
    outputs = (Output(ProbeSpecSpec, SHARED),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await machine_config.active(rt)
        desired = {}
        for probe in config.network.probes if config is not None else ():
            spec = ProbeSpecSpec(
                interval=probe.interval,
                failure_threshold=probe.failure_threshold,
                tcp=TCPProbeSpec(endpoint=probe.endpoint, timeout=probe.timeout) if probe.endpoint else None,
                http=HTTPProbeSpec(url=probe.url, timeout=probe.timeout) if probe.url else None,
                layer=ConfigLayer.MACHINE_CONFIGURATION,
            )
            desired[layered_id(spec.layer, probe_id(spec))] = spec
        await publish(rt, ProbeSpecSpec, desired, namespace=CONFIG_NAMESPACE)
