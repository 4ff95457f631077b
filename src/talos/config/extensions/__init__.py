"""Documents of the domain extensions, one kind a file."""
