"""Controllers of the domain cri."""
