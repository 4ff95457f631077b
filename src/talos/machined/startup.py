"""Early startup: what must be mounted and made before anything else runs, the same after every start of machined.

Each step looks first whether it has been done, because machined may be started again on a running node: nothing is
mounted twice, nothing that runs loses its files.

/etc is an overlay: the image's own files below, memory on top. It is writable at /system/etc, where root alone writes,
and bound read-only to /etc. What other programs write (CNI configuration, Kubernetes) gets a tmpfs of its own there.
/opt is an overlay whose upper part lies on the EPHEMERAL volume, because CNI plugins installed by pods must survive.
"""

from __future__ import annotations

import contextlib
import logging
import os
from pathlib import Path

from msgspec import Struct

from talos.environment import NodeEnvironment
from talos.linux.mount import MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_REC, MS_SHARED, bind, mount, mounted_at
from talos.machined import kernel_settings

log = logging.getLogger("machined.startup")

_STRICT = MS_NOSUID | MS_NODEV | MS_NOEXEC
SYSTEM_ETC = "/system/etc"


class Folder(Struct, frozen=True):
    """A folder in memory that must exist."""

    path: str
    mode: int = 0o755
    uid: int = 0
    gid: int = 0


FOLDERS = (
    Folder("/run/machined", 0o700),
    Folder("/run/lock"),
    Folder("/system/run", 0o755),
    Folder("/system/run/machined", 0o755),
    Folder("/system/run/apid", 0o750, 50, 50),
    Folder("/system/run/trustd", 0o750, 51, 51),
    Folder("/system/run/containerd", 0o711),
    Folder("/system/var", 0o755),
    Folder("/system/libexec", 0o755),
    Folder("/system/overlays", 0o700),
    Folder("/system/resolved", 0o755),
    Folder("/system/config", 0o755),
    Folder("/system/config/kubernetes", 0o755),
    Folder("/system/secrets", 0o755),
    Folder("/system/secrets/etcd", 0o700, 60, 60),
    Folder("/system/secrets/kubelet", 0o700),
    Folder("/system/secrets/kubernetes", 0o755),
    Folder("/system/state", 0o700),
)
ETC_FOLDERS = ("cni", "kubernetes", "cri/conf.d/hosts", "containerd", "ssl/certs")
ETC_WRITABLE = ("cni", "kubernetes")


def run(environment: NodeEnvironment) -> None:
    """Do all steps. OSError names the path that failed: the node cannot go on then. A machine whose kernel lacks its
    hardening does not become a node either; PID 1 restarts it at its deadline."""
    if not environment.in_container:
        _require_hardening(environment)
    for folder in FOLDERS:
        _folder(environment.path(folder.path), folder)
    if environment.root != Path("/"):
        return  # tests: folders only, no mounts
    _compose_etc()
    _compose_opt()
    _var()
    if environment.in_container:
        kernel_settings.cover()


def _require_hardening(environment: NodeEnvironment) -> None:
    if missing := kernel_settings.missing_arguments(environment.path("/proc/cmdline").read_text()):
        text = (
            f"the kernel was started without {' '.join(missing)}, this machine stays closed: the command line beside "
            "the boot artefacts has these arguments, a netboot server must hand them out"
        )
        os.write(2, f"{text}\n".encode())
        with contextlib.suppress(OSError):
            environment.path("/dev/console").write_text(f"[talos] {text}\n")
        raise RuntimeError(text)


def set_shared_propagation() -> None:
    """Mounts made inside must reach pods: the whole tree is shared (mount_namespaces(7))."""
    mount("", "/", "", MS_SHARED | MS_REC)


def _folder(path: Path, folder: Folder) -> None:
    path.mkdir(parents=True, exist_ok=True)
    try:
        path.chmod(folder.mode)
        os.chown(path, folder.uid, folder.gid)
    except PermissionError:
        log.warning("%s keeps its owner", path)


def _compose_etc() -> None:
    if mounted_at("/etc") is not None:
        return
    memory = Path("/system/overlays/etc")
    if mounted_at(SYSTEM_ETC) is None:
        (memory / "upper").mkdir(parents=True, exist_ok=True)
        (memory / "work").mkdir(exist_ok=True)
        Path(SYSTEM_ETC).mkdir(exist_ok=True)
        mount("etc", SYSTEM_ETC, "overlay", _STRICT, f"lowerdir=/etc,upperdir={memory}/upper,workdir={memory}/work")
    for name in ETC_FOLDERS:
        Path(SYSTEM_ETC, name).mkdir(parents=True, exist_ok=True)
    bind(SYSTEM_ETC, "/etc", read_only=True)
    for name in ETC_WRITABLE:
        mount("tmpfs", f"/etc/{name}", "tmpfs", _STRICT, "mode=0755")
    Path("/etc/cni/net.d").mkdir(mode=0o700, exist_ok=True)


def _compose_opt() -> None:
    if not Path("/opt").is_dir() or mounted_at("/opt") is not None:
        return
    for base in (Path("/var/system/overlays"), Path("/system/overlays")):
        upper, work = base / "opt-diff", base / "opt-workdir"
        try:
            upper.mkdir(parents=True, exist_ok=True, mode=0o755)
            work.mkdir(parents=True, exist_ok=True)
            mount("opt", "/opt", "overlay", MS_NODEV, f"lowerdir=/opt,upperdir={upper},workdir={work}")
            return
        except OSError as error:
            # An overlay on an overlay (a node inside a container whose /var is one) is refused by the kernel.
            log.warning("/opt cannot keep its changes in %s: %s", base, error)


def _var() -> None:
    """What programs expect of /var before the volume controllers run."""
    Path("/var/log").mkdir(parents=True, exist_ok=True, mode=0o755)
    run_link = Path("/var/run")
    if not run_link.is_symlink():
        if run_link.is_dir():
            run_link.rmdir()
        run_link.symlink_to("/run")
