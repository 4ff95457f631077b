"""Controllers of the domain runtime."""
