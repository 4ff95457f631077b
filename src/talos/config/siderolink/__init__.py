"""Documents of the domain siderolink, one kind a file."""
