"""`talosctl cluster create`: options in, a Ready cluster out."""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from talos import versions
from talos.talosctl.cluster import refused
from talos.talosctl.cluster.group import check_linux, shared
from talos.talosctl.cluster.values import Cpus, Memory, check_name, disks, patches, ports
from talos.talosctl.options import DURATION, ClientGroup, Command, ListOption

MEMORY, CPUS = Memory(), Cpus()


def _options(function: Callable[..., Any]) -> Callable[..., Any]:
    """All flags; names of `create` and of `create docker` where they differ."""
    options = [
        click.option("--controlplanes", type=int, default=1, show_default=True, help="control plane nodes"),
        click.option("--workers", type=int, default=1, show_default=True, help="worker nodes"),
        click.option("--subnet", "--cidr", "subnet", help="of the nodes [default: 10.5.0.0/24 or the next free]"),
        click.option("--mtu", type=click.IntRange(1280, 65535), default=1500, show_default=True, help="of the network"),
        click.option("--memory-controlplanes", "--memory", "memory", type=MEMORY, default="2.0GiB", show_default=True,
                     help="limit of each control plane node, 0 for none"),
        click.option("--memory-workers", type=MEMORY, default="2.0GiB", show_default=True,
                     help="limit of each worker node, 0 for none"),
        click.option("--cpus-controlplanes", "--cpus", "cpus", type=CPUS, default="2.0", show_default=True,
                     help="limit of each control plane node, 0 for none"),
        click.option("--cpus-workers", type=CPUS, default="2.0", show_default=True, help="limit of each worker node"),
        click.option("--config-patch", multiple=True, help="patch for all nodes: text or @FILE"),
        click.option("--config-patch-controlplanes", "--config-patch-control-plane", "config_patch_control_plane",
                     multiple=True, help="patch for control plane nodes"),
        click.option("--config-patch-workers", "--config-patch-worker", "config_patch_worker", multiple=True,
                     help="patch for worker nodes"),
        click.option("--registry-mirror", cls=ListOption, help="REGISTRY=URL, for images that the nodes do not carry"),
        click.option("--kubernetes-version", default=versions.DEFAULT_KUBERNETES_VERSION, show_default=True),
        click.option("--talos-version", default="", help="layout of the configuration, for example v1.13"),
        click.option("--dns-domain", default="cluster.local", show_default=True),
        click.option("--endpoint", help="address of the Kubernetes API that the nodes use [default: the first node]"),
        click.option("--image", default=None, help="root image, or folder of boot artefacts [default: as built]"),
        click.option("--exposed-ports", "-p", cls=ListOption, help="HOSTPORT:NODEPORT/PROTOCOL of the first node"),
        click.option("--host-ip", default="0.0.0.0", show_default=True, help="where exposed ports listen"),
        click.option("--skip-injecting-config", is_flag=True, help="leave the nodes in maintenance mode"),
        click.option("--skip-kubeconfig", is_flag=True, help="do not merge into ~/.kube/config"),
        click.option("--talosconfig-destination", "--talosconfig", "talosconfig_destination",
                     type=click.Path(path_type=Path, dir_okay=False),
                     help="write the talosconfig there [default: merge into ~/.talos/config]"),
        click.option("--kubeconfig-destination", type=click.Path(path_type=Path, dir_okay=False),
                     help="write the kubeconfig there [default: merge into ~/.kube/config]"),
        click.option("--wait/--no-wait", default=True, help="wait until all nodes are Ready"),
        click.option("--wait-timeout", type=DURATION, default="20m0s", show_default=True),
        click.option("--keep-on-failure", is_flag=True, help="leave a cluster that failed to look at it"),
    ]  # fmt: skip
    for option in reversed(options):
        function = option(function)
    return shared(function)


@click.group(cls=ClientGroup, invoke_without_command=True, context_settings={"max_content_width": 110})
@_options
@refused.create
@click.pass_context
def create(ctx: click.Context, /, **flags: Any) -> None:
    """Create a cluster: nodes are containers, each on the real image with a network and storage of its own."""
    if ctx.invoked_subcommand is None:
        _create(**flags)


@create.command(cls=Command)
@_options
@refused.docker
def docker(**flags: Any) -> None:
    """The same: nodes as containers (they run under runc, docker is not needed)."""
    _create(**flags)


@create.command(cls=Command, hidden=True)
@_options
@refused.create
def dev(**flags: Any) -> None:
    """The same as create alone, by the name that Talos' own client has for it."""
    _create(**flags)


@create.command(cls=Command)
@_options
@click.option(
    "--presets",
    cls=ListOption,
    default=["iso"],
    help="iso: install from it; disk-image: start from it; maintenance: no configuration [default: iso]",
)
@click.option("--disks", cls=ListOption, default=["virtio:10GiB", "virtio:6GiB"], help="the system's first")
@refused.qemu
@click.pass_context
def qemu(ctx: click.Context, /, **flags: Any) -> None:
    """Nodes as virtual machines under QEMU, from what `make artefacts` built (--image names its folder)."""
    wanted = disks(flags.pop("disks"))
    machines = {
        "presets": flags.pop("presets"),
        "disks": [size for _, size in wanted],
        "disk_drivers": [driver for driver, _ in wanted],
        "scale_wait": ctx.get_parameter_source("wait_timeout") is not click.core.ParameterSource.COMMANDLINE,
    }
    _create(machines, **flags)


def _create(machines: dict[str, Any] | None = None, **flags: Any) -> None:
    check_linux()

    from talos.provision.configs import ConfigOptions
    from talos.provision.create import CreateError, CreateOptions
    from talos.provision.create import create as create_cluster
    from talos.provision.model import QEMU, ProvisionError
    from talos.talosctl.cluster.progress import TerminalProgress

    check_name(flags["name"])
    options = CreateOptions(
        name=flags["name"],
        state=flags["state"],
        controlplanes=flags["controlplanes"],
        workers=flags["workers"],
        subnet=flags["subnet"],
        mtu=flags["mtu"],
        memory_controlplanes=flags["memory"],
        memory_workers=flags["memory_workers"],
        cpus_controlplanes=flags["cpus"],
        cpus_workers=flags["cpus_workers"],
        kubernetes_version=flags["kubernetes_version"].removeprefix("v"),
        image=flags["image"],
        ports=ports(flags["exposed_ports"], flags["host_ip"]),
        endpoint=flags["endpoint"],
        config=ConfigOptions(
            dns_domain=flags["dns_domain"],
            talos_version=flags["talos_version"],
            patches=patches(flags["config_patch"], "--config-patch"),
            control_plane_patches=patches(flags["config_patch_control_plane"], "--config-patch-controlplanes"),
            worker_patches=patches(flags["config_patch_worker"], "--config-patch-workers"),
            registry_mirrors=tuple(flags["registry_mirror"]),
        ),
        inject_config=not flags["skip_injecting_config"],
        wait=flags["wait"],
        wait_timeout_s=flags["wait_timeout"],
        keep_on_failure=flags["keep_on_failure"],
        **({} if machines is None else {"provisioner": QEMU, **machines}),
    )
    # kill TERM must clean up as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with TerminalProgress() as progress:
            created = asyncio.run(create_cluster(options, progress))
            elapsed = progress.elapsed_s
    except CreateError as error:
        for source, lines in error.logs.items():
            print(f"--- {source}", file=sys.stderr)
            for line in lines:
                print(f"    {line}", file=sys.stderr)
        kept = f"; the cluster was kept: `talosctl cluster destroy --name {options.name}` removes it"
        removed = "; everything that was made is removed (--keep-on-failure leaves it)" if error.removed else ""
        outcome = kept if options.keep_on_failure else removed
        raise click.ClickException(f"cluster {options.name} failed: {error}{outcome}") from error
    except ProvisionError as error:
        raise click.ClickException(str(error)) from error
    except KeyboardInterrupt:
        left = "the cluster was kept" if options.keep_on_failure else "everything that was made is removed"
        raise click.ClickException(f"interrupted; {left}") from None

    from talos.talosctl.cluster.credentials import hand_over

    hand_over(created, flags["talosconfig_destination"], flags["kubeconfig_destination"], flags["skip_kubeconfig"])
    if created.kubeconfig is not None:
        count = len(created.model.nodes)
        print(f"{count} {'node is' if count == 1 else 'nodes are'} Ready after {elapsed:.1f} s", file=sys.stderr)
