"""Controllers of the domain kubespan."""
