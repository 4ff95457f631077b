"""Boot artefacts from the root image: kernel, first stage, unified kernel image, disk, ISO, netboot.

`talosctl image build` and `make artefacts` are the entries. Rootless, and the same inputs give the same bytes: pins in
os/boot.lock, the choice of modules in os/boot.toml, the root of `make image`.
"""
