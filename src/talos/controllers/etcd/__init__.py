"""Controllers of the etcd member: its configuration, its keys on disk, its place in the cluster."""
