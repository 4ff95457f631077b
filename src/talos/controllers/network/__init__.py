"""Addresses, links, routes, names, resolvers.

The pipeline reads off the file names. `*_config` (machined, which alone reads the machine configuration) writes specs
of one layer into the namespace network-config; `*_merge` picks the highest layer of each and writes it into network;
`*_spec` makes the kernel agree; `*_status` reports what the kernel has, whoever made it.
"""
