"""Names of methods as people write them."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from talos import rbac


def matches(method: str, glob: str) -> bool:
    """/machine.MachineService/Reboot matches itself, Reboot, MachineService/Reboot, and globs of these."""
    if glob.startswith("/"):
        return fnmatchcase(method, glob)
    service, _, name = method.removeprefix("/").rpartition("/")
    short = service.rpartition(".")[2]
    return any(fnmatchcase(form, glob) for form in (name, f"{short}/{name}", f"{service}/{name}"))


def resolve(text: str) -> list[str]:
    """Known methods that a text means: a whole path even if it is not known, else all that match."""
    if text.startswith("/"):
        return [text]
    return sorted(method for method in rbac.METHODS if matches(method, text))


def of_role(role: str) -> Iterable[str]:
    """Methods that a role may call outside of maintenance mode."""
    return (method for method in rbac.METHODS if rbac.allowed(method, {role}))
