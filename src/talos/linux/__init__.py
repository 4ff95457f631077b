"""System calls and kernel interfaces. Nothing else in the package makes them."""
