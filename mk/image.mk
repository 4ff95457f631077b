# _out/image/root.squashfs, manifest.json, sbom.spdx.json. The imager rebuilds only what changed (content stamps);
# IMAGE_LEVEL=1 gives a larger image in a second instead of a minute, for work on the Python part.
IMAGE_LEVEL ?= 19

.PHONY: root image artefacts lock
root: setup api components
	@$(PHASE) image $(OUT)/log/image.log $(PY) -m talos.imager build --level $(IMAGE_LEVEL)
	@$(PY) -m talos.imager show

# What boots a machine, from that root: _out/boot. Apart from `root`: local clusters in containers need none of it.
FLAVOURS ?= cloud metal
artefacts: root
	@$(PHASE) artefacts $(OUT)/log/artefacts.log .venv/bin/talosctl image build $(addprefix --flavour ,$(FLAVOURS)) \
	  --level $(IMAGE_LEVEL)

image: artefacts

# Debian mirrors drop a version when a newer one is out: this pins what is current, for Debian and PyPI.
lock: setup
	@$(PY) -m talos.imager lock
