"""talosctl: one command a file, each registered by name in main and imported when it is run."""
