"""The client's configuration file, talosconfig: named contexts of endpoints, nodes and certificates."""

from __future__ import annotations

import base64
import binascii
import os

from talos.client.plain_yaml import read
from talos.client.tls import client_context

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl
    from pathlib import Path
    from typing import Any

NO_ENDPOINT = "no endpoint to connect to: give --endpoints or set them with talosctl config endpoint"
_IN_POD = "/var/run/secrets/talos.dev/config"


class ConfigError(Exception):
    """The talosconfig cannot be used; the text names the file, the field and what to do."""


def default_path() -> Path:
    """TALOSCONFIG, else ~/.talos/config, else the file that a pod with API access is given."""
    from pathlib import Path

    return Path(default_file())


def default_file() -> str:
    """Name of `default_path`: pathlib takes a tenth of the time of a short command to import."""
    if named := os.environ.get("TALOSCONFIG"):
        return named
    home = os.path.join(os.path.expanduser("~"), ".talos", "config")  # noqa: PTH111, PTH118
    return _IN_POD if not os.path.exists(home) and os.path.exists(_IN_POD) else home  # noqa: PTH110


# Not dataclasses: what they import takes as long as a call.
class Context:
    """One cluster. Certificates and key are PEM; `extra` are keys of ours or of newer clients, kept as they are."""

    def __init__(
        self,
        endpoints: list[str] | None = None,
        nodes: list[str] | None = None,
        ca: bytes = b"",
        crt: bytes = b"",
        key: bytes = b"",
        extra: dict[str, Any] | None = None,
    ) -> None:
        self.endpoints = [] if endpoints is None else endpoints
        self.nodes = [] if nodes is None else nodes
        self.ca, self.crt, self.key = ca, crt, key
        self.extra = {} if extra is None else extra

    @property
    def proxy(self) -> str:
        """`proxy-url`: the endpoints are reached through it; "" if there is none."""
        return str(self.extra.get("proxy-url") or "")

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Context) and vars(self) == vars(other)


class TalosConfig:
    """The file. `context` names the one in use."""

    def __init__(self, context: str = "", contexts: dict[str, Context] | None = None) -> None:
        self.context = context
        self.contexts = {} if contexts is None else contexts

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TalosConfig) and vars(self) == vars(other)

    @classmethod
    def load(cls, path: Path | str) -> TalosConfig:
        """Read a file. ConfigError if it is missing or unreadable."""
        try:
            with open(path) as file:  # noqa: PTH123 - pathlib is not imported for it
                text = file.read()
        except FileNotFoundError:
            raise ConfigError(f"there is no talosconfig at {path}: name it with --talosconfig or TALOSCONFIG") from None
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot read the talosconfig {path}: {error}") from error
        return cls.parse(text, str(path))

    @classmethod
    def parse(cls, text: str, source: str = "talosconfig") -> TalosConfig:
        """Decode YAML. ConfigError names the field at fault."""
        document = read(text) or _yaml(text, source)
        if document is None:
            return cls()
        if not isinstance(document, dict) or not isinstance(document.get("contexts") or {}, dict):
            raise ConfigError(f"the talosconfig {source} is not a map with `context` and `contexts`")
        return cls(
            str(document.get("context") or ""),
            {str(name): _context(str(name), value, source) for name, value in (document.get("contexts") or {}).items()},
        )

    def select(self, name: str = "") -> Context:
        """The context of that name, or the one in use. ConfigError if there is none."""
        wanted = name or self.context
        if not wanted:
            raise ConfigError(
                "the talosconfig names no context: choose one with talosctl config context NAME"
                if self.contexts
                else "the talosconfig has no context: talosctl gen config makes one, talosctl config merge adds one"
            )
        try:
            return self.contexts[wanted]
        except KeyError:
            known = ", ".join(sorted(self.contexts)) or "none"
            raise ConfigError(f"the talosconfig has no context {wanted!r} (it has: {known})") from None

    def dump(self) -> str:
        """YAML text, keys in the order Talos writes them."""
        import yaml

        return yaml.dump(
            {"context": self.context, "contexts": {n: _plain(c) for n, c in self.contexts.items()}},
            sort_keys=False,
            indent=4,
            width=1 << 20,
        )

    def save(self, path: Path) -> None:
        """Write the file at once or not at all, readable by its owner only."""
        import stat

        path.parent.mkdir(parents=True, exist_ok=True)
        mode = stat.S_IMODE(path.stat().st_mode) & 0o600 if path.exists() else 0o600
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode | 0o200)
            with os.fdopen(fd, "w") as file:
                file.write(self.dump())
            temporary.replace(path.resolve())
        finally:
            temporary.unlink(missing_ok=True)

    def merge(self, other: TalosConfig) -> list[tuple[str, str]]:
        """Add the contexts of `other`; one whose name is taken gets a number. (name, new name) of the renamed."""
        import copy

        renamed = []
        for name, context in other.contexts.items():
            new, number = name, 1
            while new in self.contexts and self.contexts[new] != context:
                new, number = f"{name}-{number}", number + 1
            if new != name:
                renamed.append((name, new))
            self.contexts[new] = copy.deepcopy(context)
            if name == other.context:
                self.context = new
        return renamed


def tls_context(context: Context) -> ssl.SSLContext:
    """What a client of this context connects with. ConfigError."""
    auth = context.extra.get("auth")
    if isinstance(auth, dict) and "siderov1" in auth and not context.crt:
        raise ConfigError(
            "this context logs in by SideroV1 keys (Omni), which this client does not support: "
            "use a context with a client certificate"
        )
    if not context.ca:
        raise ConfigError("the context has no CA certificate (ca): is the talosconfig complete?")
    if not context.crt or not context.key:
        raise ConfigError("the context has no client certificate and key (crt, key): is the talosconfig complete?")
    try:
        return client_context([context.ca], context.crt, context.key)
    except ValueError as error:
        raise ConfigError(f"the certificates of the context cannot be used: {error}") from error


def _yaml(text: str, source: str) -> Any:
    import yaml

    try:
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise ConfigError(f"the talosconfig {source} is not YAML: {' '.join(str(error).split())}") from error


def _context(name: str, value: Any, source: str) -> Context:
    if not isinstance(value, dict):
        raise ConfigError(f"context {name} of {source} is not a map")
    rest = dict(value)

    def strings(key: str) -> list[str]:
        found = rest.pop(key, None) or []
        if not isinstance(found, list) or not all(isinstance(item, str) for item in found):
            raise ConfigError(f"contexts.{name}.{key} of {source} is not a list of addresses")
        return found

    def pem(key: str) -> bytes:
        found = rest.pop(key, None) or ""
        try:
            return base64.b64decode(str(found), validate=True)
        except (binascii.Error, ValueError):
            raise ConfigError(f"contexts.{name}.{key} of {source} is not base64 of a PEM file") from None

    return Context(strings("endpoints"), strings("nodes"), pem("ca"), pem("crt"), pem("key"), rest)


def _plain(context: Context) -> dict[str, Any]:
    plain: dict[str, Any] = {"endpoints": list(context.endpoints)}  # a list of its own: YAML would refer to it
    if context.nodes:
        plain["nodes"] = list(context.nodes)
    for key, value in (("ca", context.ca), ("crt", context.crt), ("key", context.key)):
        if value:
            plain[key] = base64.b64encode(value).decode()
    return plain | context.extra
