"""The machine configuration: read, ask, patch, validate, generate.

``Config`` is the whole; ``talos.config.view`` is what controllers ask; a document kind is one file in its domain's
folder. Names here are imported when first used, so that importing one document kind costs one document kind.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from talos.config.config import Config
    from talos.config.errors import ConfigError

__all__ = ["Config", "ConfigError"]


def __getattr__(name: str) -> Any:
    if name == "Config":
        from talos.config.config import Config

        return Config
    if name == "ConfigError":
        from talos.config.errors import ConfigError

        return ConfigError
    raise AttributeError(name)
