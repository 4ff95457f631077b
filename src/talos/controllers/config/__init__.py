"""Controllers of the domain config."""
