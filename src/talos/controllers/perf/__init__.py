"""Controllers of the domain perf."""
