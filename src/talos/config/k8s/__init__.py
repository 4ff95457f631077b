"""Documents of the domain k8s, one kind a file."""
