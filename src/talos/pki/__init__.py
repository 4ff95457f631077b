"""Keys, certificate authorities, requests and certificates. No input or output: everything is PEM in memory."""
