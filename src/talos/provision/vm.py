"""One virtual machine on this host, in the foreground, from the disk image to maintenance mode: `make vm`.

It needs no privileges: QEMU's own network, whose ports on the loopback device lead to the machine. The disk is a copy
that is kept, so that a machine which was configured comes back as it was."""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import sys
import time
from pathlib import Path

from talos.provision import preflight, qemu
from talos.provision.model import ProvisionError

API, KUBERNETES = 50000, 6443
ADDRESS = "10.0.2.15"
# QEMU's user network always gives this address and gateway; static, so that a machine has them before DHCP answers.
STATIC = f"ip={ADDRESS}::10.0.2.2:255.255.255.0::eth0:off:10.0.2.3"
DISK_GIB = 10
BOOT_TIMEOUT_S = 900.0
WAIT_FOR_API = "the API answers"


def prepare(folder: Path, image: Path) -> Path:
    """Disk and firmware variables of the machine, made at the first start. Returns the disk."""
    folder.mkdir(parents=True, exist_ok=True)
    disk = folder / "disk.raw"
    if disk.exists():
        newer = ", which is older than the image that was built" if disk.stat().st_mtime < image.stat().st_mtime else ""
        print(f"vm: the disk of an earlier start goes on{newer}: {disk}; remove it for a new machine", flush=True)
    else:
        part = folder / "disk.part"
        subprocess.run(["cp", "--sparse=always", image, part], check=True)
        with part.open("r+b") as file:
            file.truncate(DISK_GIB << 30)
        part.rename(disk)
    if not (folder / "vars.fd").exists():
        qemu.new_variables(folder / "vars.fd")
    return disk


def answers(address: str) -> bool:
    """Whether a node answers there, without client certificate or with one it does not know."""
    import socket
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    host, _, port = address.rpartition(":")
    try:
        with socket.create_connection((host, int(port)), 5) as plain, context.wrap_socket(plain) as tls:
            return tls.version() is not None
    except OSError:
        return False


def main() -> int:
    """Runs until the machine is off or Control-C."""
    parser = argparse.ArgumentParser(prog="talos.provision.vm")
    parser.add_argument("--boot", type=Path, required=True, help="folder of the artefacts")
    parser.add_argument("--folder", type=Path, required=True, help="where disk, firmware variables and console go")
    parser.add_argument("--port", type=int, default=API, help="port on this host that leads to the machine's API")
    parser.add_argument("--memory", type=int, default=2048, help="MiB")
    parser.add_argument("--cpus", type=int, default=2)
    options = parser.parse_args()
    image, kernel = options.boot / "cloud-amd64.raw", options.boot / "cloud-amd64-kernel"
    for needed in (image, kernel):
        if not needed.exists():
            print(f"vm: {needed} does not exist; `make artefacts` makes it", file=sys.stderr)
            return 1
    try:
        preflight.emulator()
    except ProvisionError as error:
        print(f"vm: {error}", file=sys.stderr)
        return 1
    accelerator = qemu.accelerator(kernel.resolve())
    console = options.folder / "console.log"
    disk = prepare(options.folder, image)
    console.unlink(missing_ok=True)
    forwards = f"hostfwd=tcp:127.0.0.1:{options.port}-:{API},hostfwd=tcp:127.0.0.1:{KUBERNETES}-:{KUBERNETES}"
    machine = qemu.Machine(
        console,
        accelerator=accelerator,
        cpus=options.cpus,
        memory=options.memory,
        networks=(f"user,id=net0,{forwards}",),
        disks=(qemu.Disk(disk),),
        arguments=STATIC,
        variables=options.folder / "vars.fd",
        restart=True,
    )
    speed = "with KVM" if accelerator == qemu.HARDWARE else "emulated, which takes a minute or more"
    print(f"vm: starting {speed}; console: {console}", flush=True)
    began = time.monotonic()
    with subprocess.Popen(qemu.command(machine), stdin=subprocess.DEVNULL) as process:
        try:
            _report(process, f"127.0.0.1:{options.port}", began)
            return process.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()


def _report(process: subprocess.Popen[bytes], address: str, began: float) -> None:
    while process.poll() is None and time.monotonic() - began < BOOT_TIMEOUT_S:
        if answers(address):
            print(f"vm: {WAIT_FOR_API} after {time.monotonic() - began:.0f} s", flush=True)
            print(f"vm: .venv/bin/talosctl --nodes {address} --endpoints {address} version --insecure", flush=True)
            print(f"vm: .venv/bin/talosctl --nodes {address} --endpoints {address} get disks --insecure", flush=True)
            print("vm: Control-C switches it off", flush=True)
            return
        time.sleep(1)
    print("vm: no answer; the console says why", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
