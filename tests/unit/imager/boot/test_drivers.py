"""What machines of one's own have in them is driven: storage and network by name, against the kernel that is pinned."""

from __future__ import annotations

import re
import subprocess

import pytest

from talos.imager import debian
from talos.imager.boot import recipe
from talos.imager.build import CHECKOUT

METAL = """
ahci ata_piix nvme nvme-tcp mpt3sas megaraid_sas mpi3mr aacraid hpsa smartpqi qla2xxx lpfc virtio_blk virtio_scsi
vmw_pvscsi hv_storvsc xen-blkfront usb-storage uas sdhci-pci sdhci-acpi mmc_block vmd dm-crypt dm-verity raid1 raid456
e1000 e1000e igb igc ixgbe ixgbevf i40e iavf ice r8169 tg3 bnx2 bnx2x bnxt_en mlx4_en mlx5_core cxgb4 qede be2net
atlantic virtio_net vmxnet3 hv_netvsc xen-netfront ena gve r8152 ax88179_178a cdc_ether bonding 8021q vxlan wireguard
xhci_pci ehci-pci usbhid hid-generic ipmi_si iTCO_wdt sp5100_tco softdog coretemp k10temp i2c-i801 efivarfs vfat
pinctrl-alderlake intel_rapl_msr
"""
CLOUD = """
ata_piix virtio_blk virtio_scsi hv_storvsc virtio_net hv_netvsc ena gve ixgbevf dm-crypt dm-verity vfat
wireguard
"""


def modules(flavour: str) -> set[str]:
    """Names of the modules that a flavour's image has."""
    plan, pins = recipe.load(CHECKOUT / "os/boot.toml"), debian.read_lock(CHECKOUT / "os/boot.lock")
    found = plan.flavour(flavour)
    (pin,) = (pin for pin in pins.values() if re.fullmatch(found.kernel_pattern, pin.name))
    (package,) = debian.fetch([pin]).values()
    listed = subprocess.run(["dpkg-deb", "--contents", package], capture_output=True, text=True, check=True).stdout
    paths = re.findall(r"/kernel/(\S+)\.ko\S*$", listed, re.M)
    assert len(paths) > 500
    wanted, without = (*plan.modules, *found.modules), plan.without
    chosen = [path for path in paths if path.startswith(wanted) and not path.startswith(without)]
    return {path.rpartition("/")[2].replace("-", "_") for path in chosen}


@pytest.mark.slow
@pytest.mark.parametrize(("flavour", "wanted"), [("metal", METAL), ("cloud", CLOUD)], ids=["metal", "cloud"])
def test_drivers(flavour: str, wanted: str) -> None:
    found = modules(flavour)
    assert sorted(name for name in wanted.split() if name.replace("-", "_") not in found) == []


@pytest.mark.slow
def test_metal_leaves_out_what_no_server_needs() -> None:
    found = modules("metal")
    assert not {"amdgpu", "i915", "nouveau", "iwlwifi", "snd_hda_intel", "bluetooth", "uvcvideo"} & found
