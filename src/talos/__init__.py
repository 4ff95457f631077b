"""Talos Linux anew: the node, its tools and its command line. The map is docs/architecture.md."""
