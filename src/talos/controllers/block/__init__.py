"""Controllers of the domain block."""
