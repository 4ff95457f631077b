# make cluster   a real three-node Kubernetes cluster, nodes running our image
# make test      everything that proves it        make bench   the figures
# make help      the rest
SHELL := /bin/bash
.DEFAULT_GOAL := help
CLUSTER ?= demo
OUT := _out
PHASE = python3 mk/phase.py
PY := .venv/bin/python

.PHONY: help setup api components root image cluster destroy test test-unit test-cluster lint bench conformance clean

help:
	@echo 'make cluster       set up, build, create the cluster "demo": 1 control plane node, 2 workers'
	@echo 'make destroy       remove that cluster and everything it made'
	@echo 'make test          lint, unit, image and cluster tests'
	@echo 'make bench         the figures, each beside the floor of this machine'
	@echo 'make conformance   upstream Kubernetes conformance tests against "demo"'
	@echo 'make setup | api | components | root     the single steps; root: the image of a container node'
	@echo 'make image         root, and what boots a machine: unified kernel image, disk image, ISO, netboot'
	@echo 'make vm            one virtual machine from the disk image, to maintenance mode'
	@echo 'make lock          pin the current Debian and Python packages anew'
	@echo 'make clean         remove _out (build caches in ~/.cache stay)'

setup:
	@$(PHASE) setup $(OUT)/log/setup.log mk/setup.sh

-include mk/api.mk mk/components.mk mk/image.mk mk/vm.mk mk/test.mk

cluster: root
	@.venv/bin/talosctl cluster show --name $(CLUSTER) >/dev/null 2>&1 && \
	  .venv/bin/talosctl cluster destroy --name $(CLUSTER) || true
	@mkdir -p $(OUT)/$(CLUSTER)
	@.venv/bin/talosctl cluster create --name $(CLUSTER) --controlplanes 1 --workers 2 \
	  --talosconfig-destination $(OUT)/$(CLUSTER)/talosconfig --kubeconfig-destination $(OUT)/$(CLUSTER)/kubeconfig
	@$(OUT)/bin/kubectl --kubeconfig $(OUT)/$(CLUSTER)/kubeconfig get nodes -o wide
	@echo
	@echo 'export KUBECONFIG=$(CURDIR)/$(OUT)/$(CLUSTER)/kubeconfig TALOSCONFIG=$(CURDIR)/$(OUT)/$(CLUSTER)/talosconfig PATH=$(CURDIR)/$(OUT)/bin:$(CURDIR)/.venv/bin:$$PATH'
	@echo 'kubectl get pods -A'

destroy:
	@.venv/bin/talosctl cluster destroy --force --name $(CLUSTER)

bench: root
	@$(PY) -m bench

clean:
	rm -rf $(OUT)
