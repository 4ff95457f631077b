"""Documents of the domain storage, one kind a file."""
