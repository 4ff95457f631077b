"""RegistryAuthConfig: credentials for a container registry."""

from __future__ import annotations

from typing import ClassVar

from talos.config.document import Document
from talos.config.forms import Kept, Needed, Secret


class RegistryAuthConfig(Document, kw_only=True):
    """Credentials for a container registry."""

    KIND: ClassVar[str] = "RegistryAuthConfig"
    NAMED: ClassVar[bool] = True
    SECRET: ClassVar[bool] = True

    name: Needed[Kept[str]] = ""
    username: str = ""
    password: Secret[str] = ""
    auth: Secret[str] = ""
    identity_token: Secret[str] = ""
