"""The test images that can be made here: agnhost from the Kubernetes module, all else from Debian's packages.

They are not upstream's files under upstream's names: the tests are about the cluster, and ask of an image only that it
holds certain programs. Where it shows: upstream's agnhost is built on musl, so that its resolver is tested too; here
every image has glibc. An image is kept as its OCI blobs, one uncompressed layer each, in memory: they are served once
(registry.py).
"""

from __future__ import annotations

import datetime
import hashlib
import io
import json
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
# By the name in test/utils/image/manifest.go; build() makes exactly these.
MADE = {
    "Agnhost",
    "AgnhostPrev",
    "BusyBox",
    "Etcd",
    "GlibcDnsTesting",
    "Kitten",
    "Nautilus",
    "Nginx",
    "NginxNew",
    "Nonewprivs",
    "Pause",
}
PASSWD = b"root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n"
GROUP = b"root:x:0:\nnogroup:x:65534:\n"
PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


@dataclass
class Layer:
    """Files of an image; directories above a file come by themselves."""

    entries: dict[str, tarfile.TarInfo] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)

    def directory(self, path: str, mode: int = 0o755) -> None:
        info = tarfile.TarInfo(path)
        info.type, info.mode = tarfile.DIRTYPE, mode
        self.entries[path] = info

    def _add(self, path: str, info: tarfile.TarInfo) -> None:
        for parent in reversed(Path(path).parents):
            if str(parent) != "." and str(parent) not in self.entries:
                self.directory(str(parent))
        self.entries[path] = info

    def file(self, path: str, data: bytes, mode: int = 0o644) -> None:
        info = tarfile.TarInfo(path)
        info.mode, info.size = mode, len(data)
        self._add(path, info)
        self.contents[path] = data

    def symlink(self, path: str, target: str) -> None:
        if path in self.entries:
            return
        info = tarfile.TarInfo(path)
        info.type, info.linkname = tarfile.SYMTYPE, target
        self._add(path, info)

    def tar(self) -> bytes:
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
            for path, info in self.entries.items():
                archive.addfile(info, io.BytesIO(self.contents.get(path, b"")))
        return buffer.getvalue()


@dataclass(frozen=True)
class Image:
    """Repository and tag below registry.k8s.io, and the blobs by digest; the manifest is one of them."""

    repository: str
    tag: str
    manifest: str
    blobs: dict[str, bytes]


def image(repository: str, tag: str, tars: list[bytes], **config: object) -> Image:
    document = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Env": [PATH], **config},
            "rootfs": {"type": "layers", "diff_ids": [digest(tar) for tar in tars]},
        },
        sort_keys=True,
    ).encode()
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": {"mediaType": CONFIG, "digest": digest(document), "size": len(document)},
            "layers": [{"mediaType": LAYER, "digest": digest(tar), "size": len(tar)} for tar in tars],
        },
        sort_keys=True,
    ).encode()
    blobs = {digest(blob): blob for blob in (*tars, document, manifest)}
    return Image(repository, tag, digest(manifest), blobs)


def debian_packages(names: list[str], into: Path) -> None:
    """Unpacks packages of the configured Debian archive, and those below them that this host lacks; apt verifies."""
    plan = ["apt-get", "-s", "-qq", "--no-install-recommends", "install", *names]
    told = subprocess.run(plan, check=True, capture_output=True, text=True).stdout.splitlines()
    needed = sorted({*names, *(line.split()[1] for line in told if line.startswith("Inst "))})
    with tempfile.TemporaryDirectory() as folder:
        # As root apt would fetch as a user who may not write here, and warn; it verifies either way.
        fetch = ["apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", *needed]
        subprocess.run(fetch, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        for archive in Path(folder).glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", archive, into], check=True)


def base(busybox: bytes, applets: list[str]) -> Layer:
    layer = Layer()
    layer.directory("tmp", 0o1777)
    layer.directory("root", 0o700)
    layer.file("bin/busybox", busybox, 0o755)
    for applet in applets:
        layer.symlink(f"bin/{applet}", "busybox")
    layer.symlink("usr/bin", "../bin")
    layer.symlink("usr/sbin", "../bin")
    layer.symlink("sbin", "bin")
    layer.file("etc/passwd", PASSWD)
    layer.file("etc/group", GROUP)
    # The test of image volumes knows upstream's image by this name.
    layer.file("etc/os-release", b'ID=test\nNAME="in place of Alpine Linux"\n')
    layer.file("etc/nsswitch.conf", b"hosts: files dns\n")
    return layer


def add_with_libraries(layer: Layer, program: Path, unpacked: Path, name: str = "") -> None:
    """A dynamically linked program with every library the loader names: of unpacked packages, or of this host."""
    layer.entries.pop(path := f"bin/{name or program.name}", None)
    layer.file(path, program.read_bytes(), 0o755)
    folders = {str(library.parent) for library in unpacked.rglob("*.so*")}
    told = subprocess.run(
        ["ldd", program], check=True, capture_output=True, text=True, env={"LD_LIBRARY_PATH": ":".join(sorted(folders))}
    ).stdout
    if "not found" in told:
        raise SystemExit(f"{program.name}: a library is missing on this host:\n{told}")
    for line in told.splitlines():
        for word in line.split():
            if word.startswith("/") and (library := Path(word)).is_file():
                # Everything the loader did not find under its fixed name goes where it always looks.
                place = word if "/ld-" in word else f"/usr/lib/x86_64-linux-gnu/{library.name}"
                layer.file(place.lstrip("/"), library.read_bytes(), 0o755)


def agnhost_files(layer: Layer, program: bytes) -> None:
    """What test/images/agnhost/Dockerfile adds: the program under two names, a user, a certificate for `porter`."""
    layer.file("agnhost", program, 0o755)
    layer.symlink("agnhost-2", "agnhost")
    layer.directory("uploads")
    layer.file("etc/passwd", PASSWD + b"user-defined-in-image:x:1000:1000::/home/user-defined-in-image:/bin/sh\n")
    layer.file(
        "etc/group", GROUP + b"user-defined-in-image:x:1000:\ngroup-defined-in-image:x:50000:user-defined-in-image\n"
    )
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=30))
        .sign(key, hashes.SHA256())
    )
    layer.file("localhost.crt", certificate.public_bytes(serialization.Encoding.PEM))
    layer.file(
        "localhost.key",
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()),
    )


_NGINX = b"""user root;
error_log /dev/stderr;
pid /run/nginx.pid;
events {}
http {
  access_log /dev/stdout;
  server {
    listen 80;
    root /usr/share/nginx/html;
  }
}
"""


def nginx(layer: Layer, unpacked: Path) -> Layer:
    add_with_libraries(layer, next(unpacked.glob("usr/sbin/nginx")), unpacked)
    layer.file("etc/nginx/nginx.conf", _NGINX)
    layer.file("usr/share/nginx/html/index.html", b"<html><body>nginx</body></html>\n")
    for folder in ("run", "var", "var/lib", "var/lib/nginx", "var/log", "var/log/nginx"):
        layer.directory(folder)
    return layer


def build(agnhost: Path, components: Path, versions: dict[str, str]) -> list[Image]:
    """`versions`: tags that the tests ask for, by the name of the image in test/utils/image/manifest.go."""
    with tempfile.TemporaryDirectory() as folder:
        unpacked = Path(folder)
        unpacked.chmod(0o755)
        debian_packages(["bash", "busybox-static", "curl", "bind9-dnsutils", "netcat-openbsd", "nginx"], unpacked)
        program = next(unpacked.glob("**/bin/busybox"))
        busybox = program.read_bytes()
        applets = subprocess.run([program, "--list"], check=True, capture_output=True, text=True).stdout.split()
        web = nginx(base(busybox, applets), unpacked)
        shell, tools = base(busybox, applets), base(busybox, applets)
        bash = next(unpacked.glob("**/bin/bash"))
        # Debian's busybox as a shell drops variables whose names a shell cannot spell; upstream's hands them on.
        add_with_libraries(shell, bash, unpacked, "sh")
        add_with_libraries(tools, bash, unpacked)
        add_with_libraries(tools, bash, unpacked, "sh")
        add_with_libraries(tools, next(unpacked.glob("**/bin/nc.openbsd")), unpacked, "nc")
        for name in ("curl", "dig"):
            add_with_libraries(tools, next(unpacked.glob(f"usr/bin/{name}")), unpacked)
        add_with_libraries(tools, Path("/usr/bin/getent"), unpacked)
        nonewprivs = base(busybox, applets)
        add_with_libraries(nonewprivs, bash, unpacked, "nnp")
        nonewprivs.entries["bin/nnp"].mode = 0o6755
    agnhost_files(tools, agnhost.read_bytes())
    pause, etcd = Layer(), base(busybox, applets)
    pause.file("pause", (components / "pause").read_bytes(), 0o755)
    etcd.file("bin/etcd", (components / "node").read_bytes(), 0o755)
    etcd.symlink("usr/local/bin/etcd", "/bin/etcd")
    test, plain, served = tools.tar(), shell.tar(), web.tar()
    entry = {"Entrypoint": ["/agnhost"], "Cmd": ["pause"]}
    # With -p, bash keeps the effective user that the file's owner gave it.
    euid = ["nnp", "-p", "-c", 'echo "Effective uid: $EUID"']
    images = [
        image("e2e-test-images/nonewprivs", versions["Nonewprivs"], [nonewprivs.tar()], Cmd=euid),
        image("e2e-test-images/agnhost", versions["Agnhost"], [test], **entry),
        # Another digest is all that is asked of it.
        image("e2e-test-images/agnhost", versions["AgnhostPrev"], [test], **entry, Labels={"previous": "true"}),
        image("e2e-test-images/busybox", versions["BusyBox"], [plain], Cmd=["sh"]),
        image("e2e-test-images/glibc-dns-testing", versions["GlibcDnsTesting"], [test], Cmd=["sh"]),
        image("pause", versions["Pause"], [pause.tar()], Entrypoint=["/pause"], User="65535:65535"),
        image("etcd", versions["Etcd"], [etcd.tar()]),
    ]
    for name in ("Nginx", "NginxNew"):
        images.append(
            image(
                "e2e-test-images/nginx",
                versions[name],
                [served],
                Cmd=["nginx", "-g", "daemon off;"],
                Labels={"image": name},
            )
        )
    for name in ("kitten", "nautilus"):
        pet = Layer()
        # What the tests look at is this file, not the picture.
        pet.file("data.json", json.dumps({"image": f"{name}.jpg"}).encode())
        images.append(
            image(
                f"e2e-test-images/{name}",
                versions[name.title()],
                [test, pet.tar()],
                Entrypoint=["/agnhost"],
                Cmd=["test-webserver"],
            )
        )
    return images
