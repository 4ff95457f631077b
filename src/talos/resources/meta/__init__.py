"""Resource types of the domain meta."""

from __future__ import annotations

from talos.resources.meta.namespace import NamespaceSpec
from talos.resources.meta.resource_definition import PrintColumn, ResourceDefinitionSpec

__all__ = [
    "NamespaceSpec",
    "PrintColumn",
    "ResourceDefinitionSpec",
]
