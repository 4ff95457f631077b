"""Addresses that count."""

from __future__ import annotations

from talos.controllers.network.layers import CONFIG_NAMESPACE, MergeController
from talos.resources.network import AddressSpecSpec
from talos.state.controller import SHARED, Input, Output


class AddressMergeController(MergeController):
    name = "AddressMergeControllers.net.talos.dev"
    kind = AddressSpecSpec
    inputs = (Input(AddressSpecSpec, namespace=CONFIG_NAMESPACE),)
    outputs = (Output(AddressSpecSpec, SHARED),)
