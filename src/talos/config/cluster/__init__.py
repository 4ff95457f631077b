"""Documents of the domain cluster, one kind a file."""
