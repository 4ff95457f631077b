"""Disks of a machine: choosing one, laying it out, installing to it, and mounting what was installed at every start."""
