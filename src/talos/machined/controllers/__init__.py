"""Controllers that need what only machined has: they start with the others of its rest."""
