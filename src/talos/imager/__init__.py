"""Builds the read-only root of a node: Debian packages, wheels, the Go components and our package in one squashfs.

`python -m talos.imager lock|build` and `make image` are the entries. The build is a function of the lock files below
`os/`, the components and our sources: two builds give the same bytes.
"""
