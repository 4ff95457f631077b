"""From the root image to everything that boots, one step after another, with a line of progress for each."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import dataclass, field
from hashlib import file_digest, sha256
from pathlib import Path

from talos.imager import build as root_build
from talos.imager import debian, squashfs
from talos.imager.boot import (
    bill,
    disk,
    esp,
    initramfs,
    installer_image,
    iso,
    kernel,
    recipe,
    tools,
    uki,
    verity,
)
from talos.imager.boot.signature import KEY_NAME, SigningKey
from talos.imager.errors import ImageError, run
from talos.slots import payload

KINDS = ("uki", "disk", "iso", "netboot")
INSTALLER = "installer"
"""made when asked for: who has no registry has no use for it"""
ARCHITECTURE = "amd64"
# Room in the ISO's FAT beside the files: its tables and folders.
ESP_ROOM = 4 << 20


@dataclass(frozen=True)
class Options:
    """What artefacts depend on beside the sources."""

    image: Path
    """folder with root.squashfs and sbom.spdx.json, as `make image` left it"""
    out: Path
    flavour: str = "cloud"
    kinds: tuple[str, ...] = KINDS
    level: int = squashfs.LEVEL
    arguments: tuple[str, ...] = ()
    """kernel arguments beside those of os/boot.toml"""
    secure_boot: uki.Signing | None = None
    enrolment: Path | None = None
    """folder with PK.auth, KEK.auth and db.auth that the boot loader offers to the firmware"""
    measured_key: Path | None = None
    """signs what a TPM will have measured of the unified kernel image (`talosctl gen secureboot pcr`)"""
    signing_key: Path | None = None
    image_cache: Path | None = None
    """cache of images that the ISO carries"""
    first_stage: Path | None = None
    """a program in place of os/stage1 (bench)"""
    source: Path = field(default=root_build.CHECKOUT / "os")


def build(options: Options) -> list[Path]:
    """Builds what is asked for and returns the files. What did not change since the last build is not done again."""
    say = _Progress(options.flavour)
    plan = recipe.load(options.source / "boot.toml")
    flavour = plan.flavour(options.flavour)
    if unknown := sorted(set(options.kinds) - {*KINDS, INSTALLER}):
        raise ImageError(f"there is no artefact {', '.join(unknown)}: choose from {', '.join((*KINDS, INSTALLER))}")
    root = options.image / "root.squashfs"
    if not root.exists():
        raise ImageError(f"{root} does not exist; `make image` builds it")
    try:
        version = payload.read(root).version
    except payload.PayloadError as error:
        raise ImageError(str(error)) from error
    options.out.mkdir(parents=True, exist_ok=True)
    key = SigningKey.load_or_create(options.signing_key or options.out / KEY_NAME)
    work = options.out / "work" / options.flavour
    work.mkdir(parents=True, exist_ok=True)

    say("packages")
    pins = debian.read_lock(options.source / "boot.lock")
    debs = options.out / "work/debs"
    debian.unpack(debian.fetch([pin for pin in pins.values() if plan.needs(flavour, pin.name)]), debs)
    found = kernel.find(debs, flavour)

    say("first stage")
    run(["make", "--silent", "-C", options.source / "stage1", f"OUT={work}"])
    stage1 = options.first_stage or work / "stage1"

    modules = _modules(options, plan, flavour, found, debs, work, say)

    say("hash trees and initramfs")
    images = [
        verity.append_tree("root", root, work / "root.verified"),
        verity.append_tree("modules", work / "modules.squashfs", work / "modules.verified"),
    ]
    locked = ("lockdown=confidentiality",) if options.secure_boot else ()
    arguments = " ".join((*plan.arguments, *locked, *options.arguments))
    packed = work / "initramfs"
    beside = [str(path.relative_to(modules.parent)) for path, _ in kernel.load_order(modules, plan.beside)]
    first = kernel.load_order(modules, plan.first_stage)
    initramfs.build(packed, stage1, first, images, arguments, work, beside=beside)

    made = _assemble(options, version, arguments, found, debs, packed, work, say)
    say("bills of materials and signatures")
    for path in made:
        with path.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
        shipped = tuple(name for name in pins if plan.ships(flavour, name))
        described = bill.document(options.image, path, version, digest, pins, shipped)
        bill_path = path.with_name(path.name + ".spdx.json")
        bill_path.write_text(json.dumps(described, indent=1) + "\n")
        key.sign(path)
        key.sign(bill_path)
        size = path.stat().st_blocks * 512 if path.suffix == ".raw" else path.stat().st_size
        say(f"{path}: {size / 1e6:.1f} MB, sha256 {digest[:16]}…", last=True)
    return made


def _modules(
    options: Options,
    plan: recipe.BootRecipe,
    flavour: recipe.Flavour,
    found: kernel.Kernel,
    debs: Path,
    work: Path,
    say: _Progress,
) -> Path:
    """modules.squashfs: modules, firmware and the boot loader that an installer copies. Returns the modules' folder."""
    selected = work / "selected/lib/modules" / found.release
    stamp, image = work / "modules.sha256", work / "modules.squashfs"
    lines = (options.source / "boot.toml").read_bytes() + (options.source / "boot.lock").read_bytes()
    signed = options.secure_boot.certificate.read_bytes() if options.secure_boot else b""
    sources = b"".join(Path(module.__file__).read_bytes() for module in (kernel, squashfs, tools) if module.__file__)
    wanted = sha256(
        lines + signed + sources + f"{flavour.name} {options.level} {squashfs.epoch()}".encode()
    ).hexdigest()
    if image.exists() and stamp.exists() and stamp.read_text() == wanted:
        return selected
    say(f"modules of {found.release}, squashfs zstd -{options.level}")
    stamp.unlink(missing_ok=True)
    kernel.select(found, plan, flavour, work)
    kernel.copy_firmware(debs, flavour, selected.parent)
    loader = selected.parent / "install" / ARCHITECTURE / "systemd-boot.efi"
    loader.parent.mkdir(parents=True)
    _boot_loader(options, debs, loader)
    tools.copy(plan.tools, debs, selected.parent / "machine", options.image / "work/root")
    squashfs.pack(selected.parent, image, options.level)
    stamp.write_text(wanted)
    return selected


def _boot_loader(options: Options, debs: Path, target: Path) -> None:
    if options.secure_boot:
        uki.sign(uki.boot_loader(debs), target, options.secure_boot)
    else:
        shutil.copyfile(uki.boot_loader(debs), target)


def _assemble(
    options: Options,
    version: str,
    arguments: str,
    found: kernel.Kernel,
    debs: Path,
    packed: Path,
    work: Path,
    say: _Progress,
) -> list[Path]:
    suffix = "-secureboot" if options.secure_boot else ""
    stem = f"{options.flavour}-{ARCHITECTURE}{suffix}"
    made: list[Path] = []

    if "netboot" in options.kinds:
        say("netboot")
        for source, name in ((found.image, f"{stem}-kernel"), (packed, f"{stem}-initramfs")):
            target = options.out / name
            if name.endswith("kernel") and options.secure_boot:
                uki.sign(source, target, options.secure_boot)
            else:
                shutil.copyfile(source, target)
            made.append(target)
        command_line = options.out / f"{stem}-cmdline"
        command_line.write_text(arguments + "\n")
        made.append(command_line)
    if not {"uki", "disk", "iso", INSTALLER} & set(options.kinds):
        return made

    say("unified kernel image")
    image = options.out / f"{stem}-uki.efi"
    unsigned = work / "unsigned.efi" if options.secure_boot else image
    uki.build(
        unsigned,
        debs=debs,
        kernel=found.image,
        release=found.release,
        initramfs=packed,
        arguments=arguments,
        flavour=options.flavour,
        version=version,
        measured=options.measured_key,
    )
    if options.secure_boot:
        uki.sign(unsigned, image, options.secure_boot)
    made.append(image)

    loader = work / "systemd-boot.efi"
    _boot_loader(options, debs, loader)
    files = {"EFI/BOOT/BOOTX64.EFI": loader}
    texts = {"loader/loader.conf": esp.LOADER_CONF}
    if options.enrolment:
        texts["loader/loader.conf"] += "secure-boot-enroll force\n"
        for name in ("PK", "KEK", "db"):
            files[f"loader/keys/auto/{name}.auth"] = options.enrolment / f"{name}.auth"
    if "disk" in options.kinds:
        say("disk image")
        entry = f"EFI/Linux/talos-A-{version}+3.efi"
        system = {**files, "EFI/systemd/systemd-bootx64.efi": loader, entry: image}
        esp.build(work / "disk.esp", disk.EFI_SIZE, system, texts, work)
        disk.build(options.out / f"{stem}.raw", work / "disk.esp")
        (work / "disk.esp").unlink()
        made.append(options.out / f"{stem}.raw")
    if INSTALLER in options.kinds:
        say("installer image")
        parts = {installer_image.UKI: image, installer_image.LOADER: loader}
        installer_image.build(options.out / f"{stem}-installer.tar", parts, version, work)
        made.append(options.out / f"{stem}-installer.tar")
    if "iso" in options.kinds:
        say("ISO image")
        size = image.stat().st_size + loader.stat().st_size + ESP_ROOM
        size += -size % (1 << 20)
        esp.build(work / "iso.esp", size, {**files, "EFI/Linux/talos.efi": image}, texts, work)
        iso.build(options.out / f"{stem}.iso", work / "iso.esp", work, options.image_cache)
        (work / "iso.esp").unlink()
        made.append(options.out / f"{stem}.iso")
    return made


class _Progress:
    def __init__(self, flavour: str) -> None:
        self.began, self.flavour = time.monotonic(), flavour

    def __call__(self, text: str, last: bool = False) -> None:
        print(f"{self.flavour} {time.monotonic() - self.began:6.1f} s  {text}{'' if last else ' …'}", flush=True)
