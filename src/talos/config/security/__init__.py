"""Documents of the domain security, one kind a file."""
