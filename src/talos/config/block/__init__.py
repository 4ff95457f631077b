"""Documents of the domain block, one kind a file."""
