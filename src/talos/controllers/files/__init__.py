"""Controllers of the domain files."""
