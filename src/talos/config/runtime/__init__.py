"""Documents of the domain runtime, one kind a file."""
