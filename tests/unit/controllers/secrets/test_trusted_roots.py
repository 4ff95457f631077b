"""TrustedRootsConfig: what is in the file, and that TLS clients believe it."""

from __future__ import annotations

import asyncio
import ssl
import subprocess
import sys
from pathlib import Path

from talos.controllers.files.etc_file import FOLDER, EtcFileController
from talos.controllers.secrets.trusted_roots import FILE, TrustedRootsController, bundle
from talos.environment import NodeEnvironment
from talos.pki import certificates
from talos.pki.keys import Algorithm
from talos.resources.config import MachineConfigSpec
from talos.resources.files import EtcFileSpecSpec, EtcFileStatusSpec
from talos.state import ControllerRuntime, InMemoryState

IMAGE = "-----BEGIN CERTIFICATE-----\nimage\n-----END CERTIFICATE-----\n"


def document(name: str, pem: str) -> str:
    text = "".join(f"  {line}\n" for line in pem.splitlines())
    return f"apiVersion: v1alpha1\nkind: TrustedRootsConfig\nname: {name}\ncertificates: |\n{text}"


def test_what_the_image_had_stays_and_the_rest_follows_the_documents() -> None:
    first = bundle(IMAGE, [("a", "A\n"), ("b", "B")])
    assert first.startswith(IMAGE) and first.index("\nA\n") < first.index("\nB\n")
    assert bundle(first, [("b", "B")]) == bundle(IMAGE, [("b", "B")])
    assert bundle(first, []) == IMAGE
    assert bundle("", []) == ""


async def test_a_tls_client_believes_an_authority_while_its_document_is_there(tmp_path: Path) -> None:
    """A real server on loopback with a certificate of that authority; the client is Python's own, as on the node."""
    authority = certificates.new_authority("site", algorithm=Algorithm.ECDSA_P256)
    pair = certificates.issue_pair(authority, ip_addresses=["127.0.0.1"], usage=certificates.Usage.SERVER)
    (tmp_path / "crt").write_bytes(pair.crt)
    (tmp_path / "key").write_bytes(pair.key)
    file = tmp_path / FOLDER[1:] / FILE
    file.parent.mkdir(parents=True)
    file.write_bytes(certificates.new_authority("of the image", algorithm=Algorithm.ECDSA_P256).crt)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "crt", tmp_path / "key")

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    env = NodeEnvironment(platform="container", root=tmp_path)
    state = InMemoryState()
    async with server, ControllerRuntime(state, [TrustedRootsController, EtcFileController], env):
        for configured in (document("site", authority.crt.decode()), "", document("again", authority.crt.decode())):
            spec = MachineConfigSpec()
            spec.text = f"version: v1alpha1\n---\n{configured}" if configured else "version: v1alpha1\n"
            await state.modify(MachineConfigSpec, "v1alpha1", lambda _, spec=spec: spec)
            while (authority.crt.decode().strip() in file.read_text()) != bool(configured):  # noqa: ASYNC110 - a file
                await asyncio.sleep(0.01)
            assert ("hello" in await asyncio.to_thread(_fetch, url, file)) == bool(configured)
        assert (await state.get(EtcFileSpecSpec, FILE)).md.owner == "secrets.TrustedRootsController"
        assert await state.get(EtcFileStatusSpec, FILE)


def _fetch(url: str, roots: Path) -> str:
    """In a process of its own: OpenSSL reads the variable when a context is made."""
    code = f"import urllib.request; print(urllib.request.urlopen({url!r}, timeout=20).read().decode())"
    done = subprocess.run(
        [sys.executable, "-c", code], env={"SSL_CERT_FILE": str(roots)}, capture_output=True, text=True, check=False
    )
    return done.stdout + (done.stderr if "CERTIFICATE_VERIFY_FAILED" not in done.stderr else "")
