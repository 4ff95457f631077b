"""A QEMU guest that runs commands of this checkout on a kernel and a cgroup layout of its own.

The guest's root is this machine's root, shared read-only over 9p below an overlay in memory, so nothing has to be
installed for it: only Debian's kernel and a static busybox for the first stage. It has cgroup v2 only, no network
outside itself, and no KVM where the machine has none (emulation is five to ten times slower: waits are generous).
"""
from __future__ import annotations

import shlex
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from talos.provision import qemu

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path.home() / ".cache" / "talos-build" / "guest"
MODULES = (
    "virtio_pci", "9pnet_virtio", "9p", "overlay", "loop", "squashfs", "erofs", "bridge", "veth", "vxlan",
    "br_netfilter",
    "nf_tables", "nf_conntrack", "nft_ct", "nft_chain_nat", "nft_masq", "nft_nat", "nft_redir", "nft_reject_inet",
    "nft_reject_ipv4", "nft_reject_ipv6", "nft_fib_inet", "nft_fib_ipv4", "nft_fib_ipv6", "nft_compat", "nft_numgen",
    "nft_log", "nft_limit",
    "nft_hash", "nft_objref", "nft_quota", "nf_conntrack_netlink", "nfnetlink_acct",
)
FIRST_STAGE = """#!/bin/busybox sh
/bin/busybox mkdir -p /proc /sys /dev /lower /memory /root
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
for module in $(/bin/busybox cat /modules.order); do /bin/busybox insmod /modules/$module; done
/bin/busybox mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,ro,cache=loose host /lower
/bin/busybox mount -t tmpfs -o size=80% memory /memory
/bin/busybox mkdir /memory/upper /memory/work
/bin/busybox mount -t overlay -o lowerdir=/lower,upperdir=/memory/upper,workdir=/memory/work overlay /root
/bin/busybox cp /guest.sh /root/guest.sh
for mount in proc sys dev; do /bin/busybox mkdir -p /root/$mount; /bin/busybox mount -o move /$mount /root/$mount; done
exec /bin/busybox switch_root /root /bin/sh /guest.sh
"""
# What the nodes write lies on file systems that overlayfs accepts as upper. Not /tmp: the checkout may be there.
SECOND_STAGE = """
mount -t cgroup2 cgroup2 /sys/fs/cgroup
for folder in /run /var/lib/guest; do mkdir -p $folder; mount -t tmpfs tmpfs $folder; done
mkdir -p /dev/pts /dev/shm; mount -t devpts devpts /dev/pts; mount -t tmpfs shm /dev/shm
ip link set lo up
ip link add eth0 type veth peer name eth0p; ip link set eth0 up; ip link set eth0p up
ip addr add 192.0.2.2/24 dev eth0; ip route add default via 192.0.2.1
export HOME=/var/lib/guest PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8
cd {root}
echo GUEST-BEGIN
{command}
echo GUEST-EXIT $?
echo o > /proc/sysrq-trigger
sleep 60
"""


def kernel() -> tuple[Path, Path, str]:
    """Debian's generic kernel (the cloud flavour has no 9p), its modules and its release, unpacked into the cache."""
    if not list(CACHE.glob("boot/vmlinuz-*")):
        CACHE.mkdir(parents=True, exist_ok=True)
        if not any(Path("/var/lib/apt/lists").glob("*Packages*")):
            subprocess.run(["apt-get", "update", "-q"], check=True, capture_output=True)
        ask = ["apt-cache", "depends", "linux-image-amd64"]
        depends = subprocess.run(ask, capture_output=True, text=True, check=True)
        package = next(line.split()[-1] for line in depends.stdout.splitlines() if "Depends: linux-image" in line)
        subprocess.run(["apt-get", "download", package], cwd=CACHE, check=True, capture_output=True)
        (archive,) = CACHE.glob("linux-image-*.deb")
        subprocess.run(["dpkg-deb", "-x", str(archive), str(CACHE)], check=True)
        archive.unlink()
    (image,) = CACHE.glob("boot/vmlinuz-*")
    release = image.name.removeprefix("vmlinuz-")
    subprocess.run(["depmod", "-b", str(CACHE), release], check=True)
    return image, CACHE, release


def module_files(base: Path, release: str, more: Sequence[str]) -> list[Path]:
    """The files to load, dependencies first, in an order that insmod can follow."""
    ordered: list[Path] = []
    for name in (*MODULES, *more):
        shown = subprocess.run(
            ["modprobe", "-d", str(base), "-S", release, "--show-depends", name], capture_output=True, text=True)
        for line in shown.stdout.splitlines():
            if line.startswith("insmod "):
                path = Path(line.split()[1])
                if path not in ordered:
                    ordered.append(path)
    return ordered


def first_stage(folder: Path, command: str, modules: Sequence[str]) -> Path:
    tree = folder / "initramfs"
    (tree / "bin").mkdir(parents=True)
    (tree / "modules").mkdir()
    shutil.copy("/bin/busybox", tree / "bin" / "busybox")
    _, base, release = kernel()
    files = module_files(base, release, modules)
    for file in files:
        shutil.copy(file, tree / "modules" / file.name)
    (tree / "modules.order").write_text("\n".join(file.name for file in files))
    (tree / "init").write_text(FIRST_STAGE)
    (tree / "init").chmod(0o755)
    (tree / "guest.sh").write_text(SECOND_STAGE.format(root=shlex.quote(str(ROOT)), command=command))
    archive = folder / "initramfs.cpio"
    names = "\n".join(str(p.relative_to(tree)) for p in sorted(tree.rglob("*")))
    with archive.open("wb") as out:
        subprocess.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=tree, input=names.encode(), stdout=out, check=True)
    return archive


def run(
    folder: Path,
    command: str,
    memory_mib: int = 6144,
    timeout_s: float = 1500,
    modules: Sequence[str] = (),
    scratch_bytes: int = 0,
) -> tuple[int, str]:
    """Runs a shell command line in a guest, with more kernel modules and an empty disk /dev/vda of that size (sparse;
    0: none); its exit code and everything the serial console said."""
    image, _, _ = kernel()
    console = folder / "console.log"
    disk: list[str] = []
    if scratch_bytes:
        with (folder / "scratch.raw").open("wb") as file:
            file.truncate(scratch_bytes)
        disk = ["-drive", f"if=virtio,format=raw,discard=unmap,file={folder / 'scratch.raw'}"]
    # One processor: emulation of several by several threads made this kernel stand still now and then.
    with (folder / "qemu.log").open("wb") as log:
        machine = subprocess.Popen(
            ["qemu-system-x86_64", "-M", "q35", *qemu.accelerator(image), "-smp", "1", "-m", str(memory_mib),
             "-display", "none", "-serial", f"file:{console}", "-monitor", "none", "-nic", "none", "-no-reboot",
             "-kernel", str(image), "-initrd", str(first_stage(folder, command, modules)),
             "-append", "console=ttyS0 quiet panic=-1 cgroup_no_v1=all",
             *disk,
             "-virtfs", "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log)
    try:
        machine.wait(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        machine.kill()
        machine.wait()
    text = console.read_text(errors="replace") if console.exists() else (folder / "qemu.log").read_text()
    code = next((int(line.split()[1]) for line in text.splitlines() if line.startswith("GUEST-EXIT ")), 255)
    return code, text


if __name__ == "__main__":
    import sys
    import tempfile

    began = time.monotonic()
    with tempfile.TemporaryDirectory() as scratch:
        status, said = run(Path(scratch), sys.argv[1])
    print(said, f"\nexit {status} after {time.monotonic() - began:.0f} s")
