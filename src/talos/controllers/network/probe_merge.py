"""Probes that count."""

from __future__ import annotations

from talos.controllers.network.layers import CONFIG_NAMESPACE, MergeController
from talos.resources.network import ProbeSpecSpec
from talos.state.controller import SHARED, Input, Output


class ProbeMergeController(MergeController):
    name = "ProbeMergeControllers.net.talos.dev"
    kind = ProbeSpecSpec
    inputs = (Input(ProbeSpecSpec, namespace=CONFIG_NAMESPACE),)
    outputs = (Output(ProbeSpecSpec, SHARED),)
