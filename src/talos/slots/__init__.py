"""Two slots for the whole operating system, and who decides which one boots.

One naming for two boot loaders: systemd-boot on a machine, the monitor of a container node. On the boot partition, in
EFI/Linux, lies one file a slot, `talos-<A|B>-<version>+LEFT[-DONE].efi`: LEFT boots are left for it, DONE were made
(Automatic Boot Assessment, Boot Loader Specification). The loader takes the first entry in the order of `entry`, and
counts each boot by renaming the file before it starts it; a node that came up well renames it back. Nothing else is
remembered, so that a power cut leaves one name or the other. Standard library only: each node's monitor imports it.
"""
