"""Container images for sites without Internet: fetched from registries into a folder."""
