"""What lies on disks above partitions: volumes of LVM."""
