"""The authorities that programs of this node trust: those of the image and those of TrustedRootsConfig documents, in
one file, which is where OpenSSL (SSL_CERT_FILE, talos.zygote.main) and programs in Go look.

/etc is an overlay of the image's own: the first write hides the image's file, and removing the file would hide it too.
So the file is always written, and what the image had is what stands above the mark.
"""

from __future__ import annotations

from talos.config.security.trusted_roots_config import TrustedRootsConfig
from talos.controllers import machine_config
from talos.controllers.files.etc_file import FOLDER
from talos.controllers.publish import always
from talos.resources.files import EtcFileSpecSpec
from talos.state.controller import SHARED, Controller, Output
from talos.state.runtime import Runtime

FILE = "ssl/certs/ca-certificates.crt"
LABEL = "system_u:object_r:etc_t:s0"
MARK = "# of the machine configuration (TrustedRootsConfig): "
"""what stands outside of PEM blocks is a comment to every reader of such files"""


def bundle(text: str, documents: list[tuple[str, str]]) -> str:
    """The file: what the image had of `text`, and the certificates of each (name, certificates)."""
    own = text.partition(MARK)[0].rstrip("\n")
    own += "\n" if own else ""
    return own + "".join(f"{MARK}{name}\n{certificates.strip()}\n" for name, certificates in documents)


class TrustedRootsController(Controller):
    """Configuration → EtcFileSpec of the bundle."""

    name = "secrets.TrustedRootsController"
    inputs = (machine_config.ACTIVE_CONFIG,)
    outputs = (Output(EtcFileSpecSpec, SHARED),)

    async def reconcile(self, rt: Runtime) -> None:
        config = await machine_config.active(rt)
        documents = [(d.name, d.certificates) for d in config.get_all(TrustedRootsConfig)] if config is not None else []
        try:
            text = (rt.env.path(FOLDER) / FILE).read_text()
        except FileNotFoundError:  # an image without any
            text = ""
        contents = bundle(text, documents)
        if not contents:
            await rt.keep_only(EtcFileSpecSpec, [])
            return
        file = EtcFileSpecSpec(contents=contents, mode=0o644, selinux_label=LABEL)
        await rt.modify(EtcFileSpecSpec, FILE, always(file))
