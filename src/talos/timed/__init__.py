"""timed: the time controllers in a process that may set the clock on a machine, and nothing else."""
