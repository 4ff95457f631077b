"""Controllers of the domain access."""
