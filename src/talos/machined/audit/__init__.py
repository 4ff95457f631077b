"""The node's audit log: who called what, in a chain that shows whether anybody changed it (docs/decisions/0014)."""
