# One machine to maintenance mode, from the cloud disk image; stays in the foreground. VM_PORT: its API on this host.
VM_PORT ?= 50000
.PHONY: vm
vm:
	@$(MAKE) --no-print-directory artefacts FLAVOURS=cloud
	@$(PY) -m talos.provision.vm --boot $(OUT)/boot --folder $(OUT)/vm --port $(VM_PORT)
