"""Documents of the domain network, one kind a file."""
