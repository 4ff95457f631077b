"""Handlers of the machine API, one domain a module; importing one registers its methods with `talos.machined.rpc`."""
