"""A cache of container images for sites without Internet: its folder, and serving it. What fills one is talosctl's."""
