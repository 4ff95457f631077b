"""The process that owns the state and the machine: configuration, sequences, controllers, supervised programs."""
