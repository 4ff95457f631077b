"""Is a configuration complete and consistent for a kind of machine?

Decoding refuses what has the wrong shape; this refuses what cannot work. As lenient as Talos where it is lenient
(http endpoints, any hostname, overlapping subnets), since configurations in use must stay usable.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from talos.config.config import Config
from talos.config.cross_check import both_layouts
from talos.config.document import Document
from talos.config.errors import ConfigError
from talos.config.forms import Deprecated
from talos.config.kubernetes_version import check_supported, of_image
from talos.config.node_owned import node_owned
from talos.config.schema import Kind, is_zero, plan
from talos.config.v1alpha1.config import V1Alpha1

MODES = ("cloud", "container", "metal", "metal-agent")
"""Kinds of machine: virtual, container, bare metal, bare metal without a disk of its own."""


def validate(config: Config, mode: str, *, strict: bool = False) -> list[str]:
    """Warnings. Raises ConfigError with every fault (and every warning, if strict)."""
    if mode not in MODES:
        raise ConfigError(f"unknown mode {mode!r}; use one of {', '.join(MODES)}")
    problems: list[str] = []
    for document in config.documents:
        found = [*_struct_problems(document, ""), *document.problems(config)]
        problems += [f"{document.title}: {p}" for p in found]
    advice = warnings(config, mode)
    problems += [*_name_conflicts(config), *both_layouts(config), *_whole(config, mode), *_versions(config)]
    problems += node_owned(config)
    if strict:
        problems += advice
    if problems:
        raise ConfigError(problems)
    return [*advice, *deprecations(config)]


def warnings(config: Config, mode: str) -> list[str]:
    """What works but should be changed."""
    return [*(f"{d.title}: {w}" for d in config.documents for w in d.warnings(config)), *_missing_parts(config)]


def _missing_parts(config: Config) -> Iterator[str]:
    """Parts of Kubernetes that wait for others which the configuration leaves out."""
    machine = config.machine
    if machine.configured and machine.is_control_plane and config.kubernetes.api_server and not machine.runs_etcd:
        yield "v1alpha1: cluster.etcd.ca is not set, so etcd does not run here: kube-apiserver needs another one"
    if machine.configured and config.kubelet.static_pods and not machine.runs_kubelet:
        yield "KubeStaticPodConfig: static pods need a kubelet, and this configuration has no KubeletConfig"


def deprecations(config: Config) -> Iterator[str]:
    """One sentence for each document with keys that still work and have another place now.

    Not one for each key: a configuration of the layout before v1.14 has twenty of them. Never an error, strict or not:
    such configurations are valid.
    """
    for document in config.documents:
        found = [
            f"{path} (now {how.instead})" if how.instead else f"{path} (always on)"
            for path, how in _deprecated(document, "")
        ]
        if found:
            yield f"{document.title}: deprecated keys, carried out as before: {', '.join(found)}"


def _deprecated(value: msgspec.Struct, path: str) -> Iterator[tuple[str, Deprecated]]:
    for field in plan(type(value)).fields:
        item, kind = getattr(value, field.attribute), field.kind
        if is_zero(kind, item):
            continue
        here = f"{path}.{field.key}" if path else field.key
        if how := kind.facts.deprecated:
            if how.instead or item is not True:
                yield here, how
        elif kind.name == "struct":
            yield from _deprecated(item, here)


def _struct_problems(value: msgspec.Struct, path: str) -> Iterator[str]:
    for field in plan(type(value)).fields:
        item, kind = getattr(value, field.attribute), field.kind
        here = f"{path}.{field.key}" if path else field.key
        if is_zero(kind, item):
            if kind.facts.needed:
                yield f"{here} is required"
            continue
        yield from _value_problems(item, kind, here)


def _value_problems(value: Any, kind: Kind, path: str) -> Iterator[str]:
    facts = kind.facts
    match kind.name:
        case "struct" if value is not None:
            yield from _struct_problems(value, path)
        case "list":
            assert kind.item is not None
            if len(value) < facts.min_items:
                yield f"{path} needs at least {facts.min_items} element"
            for number, item in enumerate(value):
                yield from _value_problems(item, kind.item, f"{path}[{number}]")
        case "map":
            assert kind.item is not None
            for key, item in value.items():
                yield from _value_problems(item, kind.item, f"{path}.{key}")
        case "int":
            if facts.bounds and not facts.bounds.low <= value <= facts.bounds.high:
                yield f"{path} is {value}, must be from {facts.bounds.low} to {facts.bounds.high}"
        case "str":
            if facts.known and value not in facts.known:
                yield f"{path} is {value!r}, must be one of {', '.join(facts.known)}"
            if facts.pattern and not facts.pattern.expression.search(value):
                yield f"{path} is {value!r}, must be {facts.pattern.hint}"
            if facts.cel:
                yield from _expression_problems(value, facts.cel.about, path)


def _expression_problems(text: str, about: str, path: str) -> Iterator[str]:
    from talos.config import cel, cel_names

    try:
        cel.check(text, getattr(cel_names, about) if about else None)
    except cel.CelError as error:
        yield f"{path}: {error}"


def _name_conflicts(config: Config) -> Iterator[str]:
    by_name: dict[str, list[Document]] = {}
    for document in config.documents:
        if document.CONFLICTS:
            by_name.setdefault(document.document_name, []).append(document)
    for name, documents in by_name.items():
        first, *others = documents
        for other in others:
            if other.KIND in first.CONFLICTS:
                yield f"{first.KIND} and {other.KIND} have the same name {name!r}; rename or remove one of them"


def _whole(config: Config, mode: str) -> Iterator[str]:
    document = config.get(V1Alpha1)
    if document is None:
        return
    if document.machine is None:
        yield "v1alpha1: machine is required; start from the output of 'talosctl gen config'"
        return
    if document.cluster is None:
        yield "v1alpha1: cluster is required, if only as {}; start from the output of 'talosctl gen config'"
    machine = config.machine
    if machine.ca.issuing is None and not machine.ca.accepted:
        yield "v1alpha1: an authority is required: set machine.ca, or machine.acceptedCAs to trust others only"
    elif machine.is_control_plane and not (machine.ca.issuing and machine.ca.issuing.key):
        yield "v1alpha1: machine.ca.key is required on control plane machines, they sign certificates with it"
    yield from _kubernetes(config)
    if mode == "container" and not config.network.resolvers.host_dns:
        yield "ResolverConfig hostDNS.enabled must be true in container mode (legacy: machine.features.hostDNS.enabled)"
    if mode == "metal" and machine.install is None:
        yield "UnattendedInstallConfig is required in metal mode (legacy: machine.install)"


def _kubernetes(config: Config) -> Iterator[str]:
    """What Kubernetes needs where it runs. A machine may run none of it: the documents are left out then, all of
    them."""
    kubernetes = config.kubernetes
    trusted = bool(kubernetes.ca.issuing or kubernetes.ca.accepted)
    runs_api_server = config.machine.is_control_plane and (trusted or kubernetes.api_server is not None)
    if runs_api_server and kubernetes.etcd_encryption is None:
        yield (
            "KubeEtcdEncryptionConfig is required on control plane machines that run kube-apiserver (legacy: "
            "cluster.secretboxEncryptionSecret)"
        )
    if (trusted or runs_api_server or config.machine.runs_kubelet) and not config.cluster.endpoint:
        yield (
            "KubeClusterConfig with the endpoint is required where Kubernetes runs (legacy: "
            "cluster.controlPlane.endpoint); for a machine without Kubernetes leave all its documents out, as "
            "'talosctl gen config --skip-k8s-etcd' does"
        )


def _versions(config: Config) -> Iterator[str]:
    kubernetes = config.kubernetes
    images = {
        "kube-apiserver": kubernetes.api_server.image if kubernetes.api_server else "",
        "kube-controller-manager": kubernetes.controller_manager.image if kubernetes.controller_manager else "",
        "kube-scheduler": kubernetes.scheduler.image if kubernetes.scheduler else "",
        "kube-proxy": kubernetes.proxy.image if kubernetes.proxy else "",
        "kubelet": config.kubelet.spec.image if config.kubelet.spec else "",
    }
    for component, image in images.items():
        version = of_image(image)
        if version is None:
            continue
        try:
            check_supported(version)
        except ConfigError as e:
            yield f"image of {component} ({image}): {e}"
