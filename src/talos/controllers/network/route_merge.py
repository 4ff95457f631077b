"""Routes that count."""

from __future__ import annotations

from talos.controllers.network.layers import CONFIG_NAMESPACE, MergeController
from talos.resources.network import RouteSpecSpec
from talos.state.controller import SHARED, Input, Output


class RouteMergeController(MergeController):
    name = "RouteMergeControllers.net.talos.dev"
    kind = RouteSpecSpec
    inputs = (Input(RouteSpecSpec, namespace=CONFIG_NAMESPACE),)
    outputs = (Output(RouteSpecSpec, SHARED),)
