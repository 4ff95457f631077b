"""Controllers that find the cluster's members: this node's identity, the registry in Kubernetes, the merged list."""
