"""`python -m talos.imager build|lock`: the imager's command line, used by make; people use `talosctl image build`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from talos.imager import build, debian, manifest, python_tree, recipe, squashfs, wheels
from talos.imager.boot import recipe as boot_recipe
from talos.imager.errors import ImageError


def main() -> int:
    """Exit code 0, or 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(prog="talos.imager")
    commands = parser.add_subparsers(dest="command", required=True)
    builder = commands.add_parser("build", help="build root.squashfs, manifest.json and the bill of materials")
    builder.add_argument("--out", type=Path, default=build.CHECKOUT / "_out/image")
    builder.add_argument("--components", type=Path, default=build.CHECKOUT / "_out/components")
    builder.add_argument(
        "--package", type=Path, default=python_tree.OUR_PACKAGE, help="our Python package (default: %(default)s)"
    )
    builder.add_argument(
        "--level", type=int, default=squashfs.LEVEL, help="zstd level; 1 for a quick try (default: %(default)s)"
    )
    builder.add_argument(
        "--without-components", action="store_true", help="an image with our services only, without Kubernetes"
    )
    shower = commands.add_parser("show", help="print the sizes of the image that was built, by part")
    shower.add_argument("--out", type=Path, default=build.CHECKOUT / "_out/image")
    commands.add_parser("lock", help="pin the current Debian packages and Python wheels in os/*.lock")
    options = parser.parse_args()
    try:
        if options.command == "lock":
            plan = recipe.load(build.CHECKOUT / "os/root.toml")
            pins = debian.lock(plan, build.CHECKOUT / "os/packages.lock")
            wheels.lock(plan, build.CHECKOUT / "os/python.lock")
            boot = boot_recipe.load(build.CHECKOUT / "os/boot.toml")
            pins += boot_recipe.lock(plan, boot, build.CHECKOUT / "os/boot.lock")
            print(f"pinned {len(pins)} Debian packages and {len(plan.wheels)} wheels")
        elif options.command == "show":
            print(manifest.table(manifest.load(options.out)))
        else:
            build.build(
                build.Options(
                    out=options.out.resolve(),
                    level=options.level,
                    with_components=not options.without_components,
                    components=options.components.resolve(),
                    package=options.package.resolve(),
                )
            )
    except ImageError as error:
        print(f"imager: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
