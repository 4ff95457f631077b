"""Local clusters: nodes as containers under runc, on a bridge of their own.

Layers, each usable alone: model (what a cluster is, kept on disk) < subnet, image, bundle, network, cgroup (one thing
each) < monitor (one process a node) < create, destroy, show.
"""
