"""Controllers of the domain kubeaccess."""
