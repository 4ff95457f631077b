"""Container images for sites without Internet: fetched from registries, kept in a folder, served from it."""
