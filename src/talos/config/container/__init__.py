"""Documents of the domain container, one kind a file."""
