"""A client of container registries that fetches (OCI distribution specification 1.1).

Bearer tokens are fetched from where the registry's challenge says (RFC 6750; the token endpoint of the Docker registry
API), with the credentials that a docker or podman login left in ~/.docker/config.json, or without any. Redirects, which
most registries answer a blob with, go without the token: it is not meant for the storage behind.
"""

from __future__ import annotations

import base64
import binascii
import json
import os
import re
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from talos.imagecache.layout import BLOCK, INDEX_TYPES, MANIFEST_TYPES, CacheError
from talos.imagecache.reference import DOCKER_HUB

TIMEOUT_S = 60.0
MAX_MANIFEST = 4 << 20
"""bytes; the least that registries must take is the most that they do"""
_HUB = "registry-1.docker.io"
_PARAMETER = re.compile(r'(\w+)="([^"]*)"')


class NotFoundError(CacheError):
    """The registry does not have it."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        found = super().redirect_request(req, fp, code, msg, headers, newurl)
        if found is not None:
            found.remove_header("Authorization")
        return found


class Registry:
    """One registry. `insecure` tries HTTPS with any certificate, then HTTP, as container engines do."""

    def __init__(self, host: str, *, insecure: bool = False) -> None:
        self.host = host
        self._tokens: dict[str, str] = {}
        context = ssl.create_default_context()
        if insecure:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._opener = urllib.request.build_opener(_Redirects, urllib.request.HTTPSHandler(context=context))
        self._schemes = ["https", "http"] if insecure else ["https"]

    def manifest(self, repository: str, reference: str) -> bytes:
        """Manifest or index, byte for byte. CacheError, NotFoundError."""
        accept = ", ".join((*INDEX_TYPES, *MANIFEST_TYPES))
        with self._open(repository, f"manifests/{reference}", accept) as answer:
            data: bytes = answer.read(MAX_MANIFEST + 1)
        if len(data) > MAX_MANIFEST:
            raise CacheError(f"{self.host} answers more than {MAX_MANIFEST} bytes for a manifest of {repository}")
        return data

    def blob(self, repository: str, digest: str) -> Iterator[bytes]:
        """Content of a blob, in parts. CacheError."""
        with self._open(repository, f"blobs/{digest}", "*/*") as answer:
            try:
                while chunk := answer.read(BLOCK):
                    yield chunk
            except OSError as error:
                raise CacheError(f"{self.host} ended in the middle of {digest} of {repository}: {error}") from error

    def _open(self, repository: str, what: str, accept: str) -> Any:
        host = _HUB if self.host == DOCKER_HUB else self.host
        last: Exception | None = None
        for scheme in list(self._schemes):
            url = f"{scheme}://{host}/v2/{repository}/{what}"
            try:
                answer = self._authorized(url, repository, accept)
            except urllib.error.HTTPError as error:
                with error:
                    raise self._refused(error, repository, what) from error
            except OSError as error:  # URLError is one; so are timeouts and a server that speaks no TLS
                last = error
                continue
            self._schemes = [scheme]
            return answer
        reason = getattr(last, "reason", last)
        hint = "" if len(self._schemes) > 1 else "; --insecure accepts any certificate and plain HTTP"
        raise CacheError(f"registry {self.host} cannot be reached: {reason}{hint}") from last

    def _authorized(self, url: str, repository: str, accept: str) -> Any:
        headers = {"Accept": accept, "User-Agent": "talosctl"}
        if token := self._tokens.get(repository):
            headers["Authorization"] = token
        try:
            return self._opener.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_S)
        except urllib.error.HTTPError as error:
            challenge = error.headers.get("WWW-Authenticate", "")
            if error.code != 401 or not challenge:
                raise
            error.close()
        headers["Authorization"] = self._tokens[repository] = self._answer(challenge, repository)
        return self._opener.open(urllib.request.Request(url, headers=headers), timeout=TIMEOUT_S)

    def _answer(self, challenge: str, repository: str) -> str:
        """What to send for a challenge. CacheError."""
        scheme, _, rest = challenge.partition(" ")
        login = credentials(self.host)
        if scheme.lower() == "basic":
            if not login:
                raise CacheError(f"registry {self.host} wants a login: docker login {self.host}, or podman login")
            return f"Basic {login}"
        given = dict(_PARAMETER.findall(rest))
        realm = given.get("realm", "")
        if scheme.lower() != "bearer" or not realm.startswith(("https://", "http://")):
            raise CacheError(f"registry {self.host} wants to know who asks in a way that is not known: {challenge}")
        query = {"scope": given.get("scope") or f"repository:{repository}:pull"}
        if service := given.get("service"):
            query["service"] = service
        request = urllib.request.Request(f"{realm}?{urllib.parse.urlencode(query)}")
        if login:
            request.add_header("Authorization", f"Basic {login}")
        try:
            with self._opener.open(request, timeout=TIMEOUT_S) as answer:
                fields = json.loads(answer.read(MAX_MANIFEST))
            token = fields.get("token") or fields["access_token"]
        except (OSError, ValueError, KeyError, AttributeError) as error:
            raise CacheError(f"registry {self.host} gave no token for {repository}: {error}") from error
        return f"Bearer {token}"

    def _refused(self, error: urllib.error.HTTPError, repository: str, what: str) -> CacheError:
        if error.code == 404:
            return NotFoundError(f"registry {self.host} has no {what.replace('/', ' ')} of {repository}")
        hint = f"; docker login {self.host} where it is private" if error.code in (401, 403) else ""
        return CacheError(f"registry {self.host} refuses {what} of {repository}: {error.code} {error.reason}{hint}")


def credentials(host: str) -> str:
    """user:password in base64 as a login left them, "" if there are none. Helper programs are not asked."""
    folder = os.environ.get("DOCKER_CONFIG")
    path = (Path(folder) if folder else Path.home() / ".docker") / "config.json"
    try:
        logins = json.loads(path.read_bytes()).get("auths", {})
    except (OSError, ValueError, AttributeError):
        return ""
    names = (host, f"https://{host}") if host != DOCKER_HUB else ("https://index.docker.io/v1/", DOCKER_HUB)
    for name in names:
        found = logins.get(name, {}).get("auth", "") if isinstance(logins, dict) else ""
        try:
            if found and b":" in base64.b64decode(found, validate=True):
                return str(found)
        except binascii.Error:
            continue
    return ""
