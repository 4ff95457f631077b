# `make test` is what CI runs: everything, on real parts. The fast ones come first; nothing is left out.
# A hanging test is ended after 20 minutes, by name.
PYTEST = .venv/bin/python -m pytest -q --timeout 1200
# Where real clusters and machines share what cores there are, a failure is looked at twice before the run is called
# broken. It is never silent: the summary counts it as "rerun". Unit tests get no second chance.
REAL = $(PYTEST) --reruns 1 -r fER

lint: setup api
	.venv/bin/ruff check src tests bench mk
	.venv/bin/mypy src/talos
	.venv/bin/lint-imports

# Under a minute: what one runs while writing.
test-unit: setup api
	$(PYTEST) -n auto -m 'not slow' tests/unit tests/conformance tests/golden

# Real etcd, kube-apiserver, containerd; clients of other people; two builds of the image compared.
test-slow: root
	@. mk/toolchain.sh && require_go && $(REAL) -m slow tests/unit tests/conformance tests/golden  # grpcurl is built there
	$(REAL) tests/image

# One cluster is made once and shared by most of these.
test-cluster: root
	$(REAL) -p no:cacheprovider tests/cluster

# What is killed and cut off in the middle of an upgrade, in every phase.
test-cluster-long: root
	TALOS_LONG=1 $(REAL) -p no:cacheprovider tests/cluster/test_upgrade.py

# Other kernels and control group layouts, in an emulated guest.
test-boot: root
	$(REAL) tests/boot

# The sweeps: hours where everything is emulated.
test-boot-long: root
	TALOS_LONG=1 $(REAL) tests/boot

test: lint test-unit test-components test-slow test-cluster test-boot

# Everything that is generated from the types of the configuration and from what the node's programs read of it.
reference: setup
	$(PY) -m talos.config.reference .
	$(PY) -m talos.machined.methods .

# Coverage-guided fuzzing of the configuration loader and of what comes over the API, and long runs of the attacks on apid;
# findings are written to $(OUT)/fuzz, the attacks' figures to $(OUT)/fuzz/abuse.json.
SECONDS_OF_FUZZING ?= 60
fuzz: setup
	@mkdir -p $(OUT)/fuzz/config $(OUT)/fuzz/api
	$(PY) tests/fuzz/config_loader.py -max_total_time=$(SECONDS_OF_FUZZING) -timeout=10 -rss_limit_mb=2048 \
	  -artifact_prefix=$(OUT)/fuzz/ $(OUT)/fuzz/config tests/fuzz/corpus/config
	$(PY) tests/fuzz/api_requests.py -max_total_time=$(SECONDS_OF_FUZZING) -timeout=20 -rss_limit_mb=2048 \
	  -artifact_prefix=$(OUT)/fuzz/ $(OUT)/fuzz/api
	ABUSE_FIGURES=$(OUT)/fuzz/abuse.json SECONDS_OF_ABUSE=$(SECONDS_OF_FUZZING) $(PYTEST) tests/unit/apid/test_abuse.py

.PHONY: fuzz reference lint test-unit test-slow test-cluster test-cluster-long test-boot test-boot-long test
