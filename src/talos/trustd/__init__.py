"""trustd: signs the API certificates of joining nodes, on control plane nodes."""
