# The Go programs and pause, into _out/components, and kubectl for the host, into _out/bin. Each is its own phase with
# its own line; component.sh finds out what changed. One after another: the Go compiler fills the cores by itself, and
# whoever comes after the node program finds its packages in the build cache.
COMPONENTS := runc pause node shim cni kubectl

.PHONY: components $(addprefix component-,$(COMPONENTS))

components: setup
	@for name in $(COMPONENTS); do $(PHASE) $$name $(OUT)/log/component-$$name.log mk/component.sh $$name || exit $$?; done

$(addprefix component-,$(COMPONENTS)): component-%: setup
	@$(PHASE) $* $(OUT)/log/component-$*.log mk/component.sh $*

# Upstream's conformance tests against the cluster of `make cluster`; hours, so no part of `make test`.
.PHONY: conformance
conformance: components
	@$(PHASE) conformance $(OUT)/log/component-conformance.log mk/component.sh conformance
	@$(PY) components/conformance/run.py --kubeconfig $(OUT)/$(CLUSTER)/kubeconfig --talosconfig $(OUT)/$(CLUSTER)/talosconfig

# Tests of the Go that is ours, on containerd's own database and snapshotter.
.PHONY: test-components
test-components: component-cni
	@mk/component.sh test
