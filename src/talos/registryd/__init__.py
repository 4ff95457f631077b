"""registryd: the node's cache of images, served to containerd on the loopback."""
