"""Documents of the domain cri, one kind a file."""
