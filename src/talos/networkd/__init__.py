"""networkd: the network controllers in a process with network capabilities only."""
