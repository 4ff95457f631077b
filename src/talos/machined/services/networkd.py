"""networkd: controllers in a process of their own, with the capabilities they need and no others."""

from __future__ import annotations

from talos.machined.services.controller_host import ControllerHost


class Networkd(ControllerHost):
    """Forked from the start; its controllers speak to machined through the state's socket."""

    id = "networkd"
