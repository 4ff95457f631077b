# Generated protobuf modules: src/talos/api/<name>_pb2.py from api/<name>.proto.
# The .proto files are mapped to the virtual folder talos/api, so that the generated imports read
# `from talos.api import x_pb2` and none of them (time, inspect, resource) can shadow the standard library.
API_PROTOS := $(wildcard api/*.proto)
API_STAMP := _out/api.stamp
API_PYTHON ?= .venv/bin/python

.PHONY: api
api: $(API_STAMP)

$(API_STAMP): $(API_PROTOS) mk/api.mk | setup
	@mkdir -p _out
	@rm -f src/talos/api/*_pb2.py src/talos/api/*_pb2.pyi
	@$(API_PYTHON) -m grpc_tools.protoc -Italos/api=api --python_out=src --pyi_out=src $(API_PROTOS)
	@$(API_PYTHON) -m compileall -q src/talos/api
	@touch $@
