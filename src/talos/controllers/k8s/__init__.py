"""Controllers of Kubernetes on this node: control plane static pods, kubelet, manifests, node object, endpoints."""
