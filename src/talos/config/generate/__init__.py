"""Default configurations of a new cluster: one for each machine type, and the talosconfig that reaches them."""

from __future__ import annotations

from talos.config.generate.input import Input, RegistryMirror

__all__ = ["Input", "RegistryMirror"]
