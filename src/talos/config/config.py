"""A whole machine configuration: documents in order, each identity once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, TypeVar

from talos.config.document import Document
from talos.config.errors import ConfigError

if TYPE_CHECKING:
    from talos.config.view import (
        AccessView,
        ClusterView,
        KubeletView,
        KubernetesView,
        MachineView,
        NetworkView,
        RegistriesView,
    )

D = TypeVar("D", bound=Document)


class Config:
    """Immutable: a changed configuration is another object. Documents must not be modified by readers.

    ``source`` is the text it was read from, handed out unchanged (with its comments) where a configuration is shown.
    """

    def __init__(self, documents: Iterable[Document], source: bytes | None = None) -> None:
        self.documents: tuple[Document, ...] = tuple(documents)
        self.source = source
        seen: set[tuple[str, str]] = set()
        twice: list[str] = []
        for d in self.documents:
            if d.identity in seen:
                twice.append(d.title)
            seen.add(d.identity)
        if twice:
            raise ConfigError([f"document {title} stands twice; keep one of them" for title in twice])
        self._by_identity = {d.identity: d for d in self.documents}

    @classmethod
    def decode(cls, text: str | bytes) -> Config:
        """Read documents. Raises ConfigError; a text without any document is an error too."""
        from talos.config.decode import decode  # with YAML: a node without a configuration does without

        documents = decode(text)
        if not documents:
            raise ConfigError("no configuration: the text contains no document")
        return cls(documents, text.encode() if isinstance(text, str) else text)

    def encode(self) -> str:
        """YAML text in canonical layout (comments are not kept)."""
        from talos.config.encode import encode

        return encode(self.documents)

    @property
    def text(self) -> str:
        """The text it was read from, or the canonical one."""
        return self.source.decode() if self.source is not None else self.encode()

    def get(self, kind: type[D], name: str = "") -> D | None:
        """The document of a kind (and name, for kinds that have one), or None."""
        found = self._by_identity.get((kind.KIND, name))
        return found if isinstance(found, kind) else None

    def get_all(self, kind: type[D]) -> list[D]:
        """All documents of a kind, in order."""
        return [d for d in self.documents if isinstance(d, kind)]

    def __iter__(self) -> Iterator[Document]:
        return iter(self.documents)

    def __len__(self) -> int:
        return len(self.documents)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Config) and self.documents == other.documents

    def __hash__(self) -> int:
        return hash(self.encode())

    @cached_property
    def machine(self) -> MachineView:
        """The machine: type, token, CA, kernel, environment, installation."""
        from talos.config.view.machine import MachineView

        return MachineView(self)

    @cached_property
    def cluster(self) -> ClusterView:
        """The cluster: name, endpoint, subnets, CNI, discovery, manifests, etcd."""
        from talos.config.view.cluster import ClusterView

        return ClusterView(self)

    @cached_property
    def kubernetes(self) -> KubernetesView:
        """Control plane components and their trust."""
        from talos.config.view.kubernetes import KubernetesView

        return KubernetesView(self)

    @cached_property
    def kubelet(self) -> KubeletView:
        """kubelet, node labels and taints, static pods."""
        from talos.config.view.kubelet import KubeletView

        return KubeletView(self)

    @cached_property
    def network(self) -> NetworkView:
        """Hostname, links, resolvers, time."""
        from talos.config.view.network import NetworkView

        return NetworkView(self)

    @cached_property
    def access(self) -> AccessView:
        """Grants and revocations, destinations of the audit log."""
        from talos.config.view.access import AccessView

        return AccessView(self)

    @cached_property
    def registries(self) -> RegistriesView:
        """Registry mirrors, credentials, TLS."""
        from talos.config.view.registries import RegistriesView

        return RegistriesView(self)
