"""What becomes of one ServiceAccount of the group talos.dev: refused, or a Secret with a talosconfig.

Nothing here speaks to anybody. Whether a talosconfig that lies in a Secret still serves is read off it, so that every
control plane node, and one that was restarted, comes to the same answer.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import msgspec

from talos.client.config import ConfigError, Context, TalosConfig
from talos.controllers.kubeaccess.service import HOST
from talos.kubernetes import Kind
from talos.pki import certificates
from talos.pki.certificates import Pair, Usage
from talos.pki.keys import PKIError

GROUP, VERSION = "talos.dev", "v1alpha1"
API_VERSION = f"{GROUP}/{VERSION}"
KIND = "ServiceAccount"
SERVICE_ACCOUNT = Kind(API_VERSION, KIND, "serviceaccounts", True)
FILE = "config"
"""key of the Secret, and with it the name of the file in the pod"""
CONTEXT = "default"
VALIDITY = timedelta(hours=6)
RENEW_BEFORE = timedelta(hours=1)
NAME_LIMIT = 64
"""of a common name (RFC 5280, ub-common-name)"""

Object = dict[str, Any]


class Refusal(msgspec.Struct, frozen=True):
    """Why an account gets no certificate: `reason` is for programs, `message` for people."""

    reason: str
    message: str


class Rules(msgspec.Struct, frozen=True):
    """Who may get what, and what signs it. `accepted` is the bundle that clients check nodes against, PEM."""

    namespaces: tuple[str, ...]
    roles: tuple[str, ...]
    authority: Pair
    accepted: bytes

    def refusal(self, account: Object) -> Refusal | None:
        """None: it may have what it asks for."""
        namespace = account["metadata"]["namespace"]
        asked = roles_of(account)
        if not asked:
            return Refusal("ErrRolesNotFound", "Roles not found")
        if namespace not in self.namespaces:
            return Refusal("ErrNamespaceNotAllowed", f"Namespace is not allowed: {namespace}")
        if refused := [role for role in asked if role not in self.roles]:
            return Refusal("ErrRolesNotAllowed", f"Roles not allowed: [{' '.join(refused)}]")
        return None

    def talosconfig(self, account: Object, now: datetime) -> str:
        """YAML with a new certificate. It names the account, so the audit log and grants can tell pods apart."""
        client = certificates.issue_pair(
            self.authority,
            common_name=common_name(account),
            organizations=roles_of(account),
            usage=Usage.CLIENT,
            validity=VALIDITY,
            now=now,
        )
        context = Context(endpoints=[HOST], ca=self.accepted, crt=client.crt, key=client.key)
        return TalosConfig(CONTEXT, {CONTEXT: context}).dump()

    def serves(self, text: str, account: Object, now: datetime) -> bool:
        """Whether a talosconfig is what the account would get, and stays valid for an hour at least."""
        try:
            context = TalosConfig.parse(text).select()
            certificate = certificates.load_certificate(context.crt)
            signed = certificates.issued_by(context.crt, self.authority.crt)
            ours = certificates.matches(Pair(context.crt, context.key))
        except (ConfigError, PKIError):
            return False
        ends = certificate.not_valid_after_utc
        return (
            signed
            and ours
            and context.ca == self.accepted
            and context.endpoints == [HOST]
            and now + RENEW_BEFORE < ends <= now + VALIDITY
            and sorted(certificates.organizations(context.crt)) == sorted(roles_of(account))
            and certificates.common_name(context.crt) == common_name(account)
        )


def roles_of(account: Object) -> list[str]:
    """Roles it asks for, each once; [] if the field is missing or of another form."""
    roles = (account.get("spec") or {}).get("roles")
    if not isinstance(roles, list) or not all(isinstance(role, str) and role for role in roles):
        return []
    return list(dict.fromkeys(roles))


def common_name(account: Object) -> str:
    """``serviceaccount:NAMESPACE/NAME``; what is too long ends in a sum of the whole instead."""
    metadata = account["metadata"]
    name = f"serviceaccount:{metadata['namespace']}/{metadata['name']}"
    if len(name) <= NAME_LIMIT:
        return name
    return f"{name[: NAME_LIMIT - 17]}~{hashlib.sha256(name.encode()).hexdigest()[:16]}"


def owned_by(secret: Object, account: Object) -> bool:
    """Whether the account is the Secret's controller."""
    return any(
        reference.get("controller") and reference.get("uid") == account["metadata"]["uid"]
        for reference in owners(secret)
    )


def owners(secret: Object) -> Iterable[Object]:
    """Those of the Secret's owners that are accounts."""
    return [
        reference
        for reference in secret["metadata"].get("ownerReferences") or ()
        if reference.get("kind") == KIND and str(reference.get("apiVersion", "")).partition("/")[0] == GROUP
    ]


def secret_of(account: Object, data: Object) -> Object:
    """A new Secret of the account's name, which goes when the account goes. data: base64 by key."""
    metadata = account["metadata"]
    owner = {
        "apiVersion": API_VERSION,
        "kind": KIND,
        "name": metadata["name"],
        "uid": metadata["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "Opaque",
        "metadata": {"name": metadata["name"], "namespace": metadata["namespace"], "ownerReferences": [owner]},
        "data": data,
    }
