"""Operators (DHCP clients, virtual addresses) that count."""

from __future__ import annotations

from talos.controllers.network.layers import CONFIG_NAMESPACE, MergeController
from talos.resources.network import OperatorSpecSpec
from talos.state.controller import SHARED, Input, Output


class OperatorMergeController(MergeController):
    name = "OperatorMergeControllers.net.talos.dev"
    kind = OperatorSpecSpec
    inputs = (Input(OperatorSpecSpec, namespace=CONFIG_NAMESPACE),)
    outputs = (Output(OperatorSpecSpec, SHARED),)
