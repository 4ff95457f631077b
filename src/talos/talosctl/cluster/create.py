"""`talosctl cluster create`: options in, a Ready cluster out."""

from __future__ import annotations

import asyncio
import signal
import sys
from typing import TYPE_CHECKING, Any

import click

from talos.talosctl.cluster import machine_flags, refused
from talos.talosctl.cluster.group import check_linux
from talos.talosctl.cluster.options import config_options
from talos.talosctl.cluster.options import options as create_options
from talos.talosctl.cluster.values import addresses, check_name, mounts, patches, ports, served_cache
from talos.talosctl.options import ClientGroup, Command, ListOption

if TYPE_CHECKING:
    from talos.provision.chaos import Chaos


_mesh = click.option("--wireguard-cidr", default="", metavar="NETWORK",
                     help="of a WireGuard link on every node (wg0) to all others")  # fmt: skip


@click.group(cls=ClientGroup, invoke_without_command=True, context_settings={"max_content_width": 110})
@create_options
@machine_flags.options
@_mesh
@refused.create
@config_options
@click.pass_context
def create(ctx: click.Context, /, **flags: Any) -> None:
    """Create a cluster: nodes are containers, each on the real image with a network and storage of its own."""
    if ctx.invoked_subcommand is None:
        _create(machine_flags.of_provisioner(ctx, flags), **flags)


@create.command(cls=Command)
@create_options
@click.option("--mount", multiple=True, metavar="MOUNT", help="type=bind,source=PATH,target=PATH[,readonly]")
@click.option("--disable-ipv6", is_flag=True, hidden=True)
def docker(**flags: Any) -> None:
    """The same: nodes as containers (they run under runc, docker is not needed)."""
    _create(**flags)


@create.command(cls=Command, hidden=True)
@create_options
@machine_flags.options
@_mesh
@refused.create
@config_options
@click.pass_context
def dev(ctx: click.Context, /, **flags: Any) -> None:
    """The same as create alone, by the name that Talos' own client has for it."""
    _create(machine_flags.of_provisioner(ctx, flags), **flags)


@create.command(cls=Command)
@create_options
@click.option(
    "--presets",
    cls=ListOption,
    default=["iso"],
    help="iso: install from it; iso-secureboot: the same, signed, under Secure Boot; disk-image: start from it; "
    "usb, uki, kernel, pxe: install from a stick, an image or a kernel that QEMU loads, or over the network; "
    "maintenance: no configuration [default: iso]",
)
@click.option("--disks", cls=ListOption, default=["virtio:10GiB", "virtio:6GiB"], help="the system's first")
@machine_flags.common
@refused.qemu
@click.pass_context
def qemu(ctx: click.Context, /, **flags: Any) -> None:
    """Nodes as virtual machines under QEMU, from what `make artefacts` built (--image names its folder)."""
    _create(machine_flags.machines(ctx, flags, flags.pop("presets"), flags.pop("disks")), **flags)


def _chaos(flags: dict[str, Any]) -> Chaos:
    """UsageError for a bad network that was described and not asked for."""
    from talos.provision.chaos import Chaos

    names = ("latency", "jitter", "packet_loss", "packet_corrupt", "packet_reorder", "bandwidth")
    found = Chaos(*(flags[f"with_network_{name}"] for name in names))
    if found != Chaos() and not flags["with_network_chaos"]:
        raise click.UsageError("--with-network-latency and its like need --with-network-chaos")
    return found


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
            insecure_registries=tuple(flags["registry_insecure_skip_verify"]),
            image_cache=served_cache(flags),
            nameservers=addresses(flags["nameservers"], "--nameservers"),
            control_plane_port=flags["control_plane_port"],
            kube_prism_port=flags["kubeprism_port"],
            cni_urls=tuple(url.strip() for url in flags["custom_cni_url"].split(",") if url.strip()),
            firewall=flags["with_firewall"],
            wireguard=flags.get("wireguard_cidr", ""),
            json_logs=flags["with_json_logs"],
            debug=flags["with_debug"],
            encrypted=flags.get("encrypted", ()),
            encryption_keys=flags.get("encryption_keys", ()),
            user_volumes=flags.get("user_volumes", ()),
            encrypt_user_volumes=flags.get("encrypt_user_volumes", False),
            kubernetes=not flags.get("skip_etcd_k8s", False),
            init_node=flags.get("with_init_node", False),
            install_image=flags.get("install_image", ""),
        ),
        mounts=mounts(flags.get("mount", ())),
        ipv4=flags["ipv4"],
        ipv6=flags["ipv6"],
        link_ipv6=not flags.get("disable_ipv6"),
        chaos=_chaos(flags),
        airgapped=flags["airgapped"],
        no_masquerade=tuple(flags["no_masquerade_cidrs"]),
        use_vip=flags["use_vip"],
        apply_config=flags["with_apply_config"],
        wait_for_nodes=not flags["skip_k8s_node_readiness_check"],
        inject_config=not flags["skip_injecting_config"],
        uuid_hostnames=flags["with_uuid_hostnames"],
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
    elif options.wait and created.talosconfig and not options.config.kubernetes:
        count = len(created.model.nodes)
        print(f"{count} {'node is' if count == 1 else 'nodes are'} up after {elapsed:.1f} s", file=sys.stderr)
