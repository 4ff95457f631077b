"""Resource types of the domain extensions."""

from __future__ import annotations

from talos.resources.extensions.extension_status import Compatibility, Constraint, Layer, Metadata

__all__ = [
    "Compatibility",
    "Constraint",
    "Layer",
    "Metadata",
]
