"""Documents of the domain hardware, one kind a file."""
