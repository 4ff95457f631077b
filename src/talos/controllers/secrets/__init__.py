"""Controllers that issue what the node proves itself with: authorities as configured, certificates from them."""
