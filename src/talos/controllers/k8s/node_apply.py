"""Makes this machine's Node have the labels, annotations, taints and cordon that the node wants.

What was set by the node is noted on the Node itself (``talos.dev/owned-*``), so that it can be taken away again without
touching what others set. Workers write with the kubelet's certificate: it may label and annotate its own node, taints
it may only add at registration, which the kubelet does.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from talos.controllers.kubernetes_watch import CREDENTIALS, kubeconfig_of
from talos.kubernetes import ApiError, Client, ConnectError
from talos.kubernetes.kinds import NODE
from talos.resources.k8s import (
    NodeAnnotationSpecSpec,
    NodeCordonedSpecSpec,
    NodeLabelSpecSpec,
    NodenameSpec,
    NodeStatusSpec,
    NodeTaintSpecSpec,
)
from talos.state import Controller, Input, Runtime

OWNED_LABELS = "talos.dev/owned-labels"
OWNED_ANNOTATIONS = "talos.dev/owned-annotations"
OWNED_TAINTS = "talos.dev/owned-taints"
CORDONED = "talos.dev/cordoned"
RETRY_S = 1.0
REFUSED_RETRY_S = 60.0

Taint = tuple[str, str, str]
"""key, value, effect"""


class NodeApplyController(Controller):
    """NodeLabelSpecs, NodeAnnotationSpecs, NodeTaintSpecs, NodeCordonedSpec -> Node."""

    name = "k8s.NodeApplyController"
    inputs = (
        *CREDENTIALS,
        Input(NodenameSpec, id="nodename"),
        Input(NodeStatusSpec),
        Input(NodeLabelSpecSpec),
        Input(NodeAnnotationSpecSpec),
        Input(NodeTaintSpecSpec),
        Input(NodeCordonedSpecSpec),
    )

    async def reconcile(self, rt: Runtime) -> None:
        nodename = await rt.get_or_none(NodenameSpec, "nodename")
        kubeconfig = await kubeconfig_of(rt)
        if nodename is None or nodename.spec.skip_node_registration or kubeconfig is None:
            return
        if await rt.get_or_none(NodeStatusSpec, nodename.spec.nodename) is None:
            return  # not registered yet: its appearance brings us here again
        labels = {r.spec.key: r.spec.value for r in await rt.list(NodeLabelSpecSpec)}
        annotations = {r.spec.key: r.spec.value for r in await rt.list(NodeAnnotationSpecSpec)}
        taints = [(r.spec.key, r.spec.value, r.spec.effect) for r in await rt.list(NodeTaintSpecSpec)]
        cordoned = await rt.get_or_none(NodeCordonedSpecSpec, "cordoned") is not None
        try:
            async with Client.from_kubeconfig(kubeconfig) as client:
                node = await client.get(NODE, nodename.spec.nodename)
                for patch in parts(node_patch(node, labels, annotations, taints, cordoned=cordoned)):
                    # The version makes the server refuse it if somebody else wrote in between.
                    patch.setdefault("metadata", {})["resourceVersion"] = node["metadata"]["resourceVersion"]
                    node = await client.patch(NODE, nodename.spec.nodename, patch)
        except ConnectError as error:
            rt.log.debug("node %s: %s", nodename.spec.nodename, error)
            rt.requeue_after(RETRY_S)
        except ApiError as error:
            if not error.conflict:
                hint = "; a worker's taints are set when it joins" if error.code == 403 and taints else ""
                rt.log.warning("node %s could not be updated: %s%s", nodename.spec.nodename, error, hint)
            # Refused for what it asks (a worker may not set every label): that does not change within seconds.
            rt.requeue_after(REFUSED_RETRY_S if error.code in (403, 422) else RETRY_S)


def node_patch(
    node: dict[str, Any],
    labels: Mapping[str, str],
    annotations: Mapping[str, str],
    taints: list[Taint],
    *,
    cordoned: bool,
) -> dict[str, Any]:
    """Merge patch that brings a Node to the wanted state; empty when it is there."""
    metadata, spec = node["metadata"], node.get("spec") or {}
    current_labels: dict[str, str] = metadata.get("labels") or {}
    current_annotations: dict[str, str] = metadata.get("annotations") or {}
    label_changes = _changes(current_labels, labels, _owned(current_annotations, OWNED_LABELS))
    all_annotations = {
        **annotations,
        **_note(OWNED_LABELS, labels),
        **_note(OWNED_ANNOTATIONS, annotations),
        **_note(OWNED_TAINTS, [key for key, _, _ in taints]),
    }
    owned = {*_owned(current_annotations, OWNED_ANNOTATIONS), OWNED_LABELS, OWNED_ANNOTATIONS, OWNED_TAINTS}
    wanted_spec: dict[str, Any] = {}
    was_cordoned = current_annotations.get(CORDONED) == "true"
    if cordoned:
        all_annotations[CORDONED] = "true"
        if not spec.get("unschedulable"):
            wanted_spec["unschedulable"] = True
    elif was_cordoned:
        # Only what the node cordoned itself is uncordoned: a person's cordon stays.
        owned.add(CORDONED)
        wanted_spec["unschedulable"] = None
    annotation_changes = _changes(current_annotations, all_annotations, owned)
    current_taints: list[dict[str, Any]] = spec.get("taints") or []
    wanted_taints = _taints(current_taints, taints, _owned(current_annotations, OWNED_TAINTS))
    if wanted_taints != current_taints:
        wanted_spec["taints"] = wanted_taints
    patch: dict[str, Any] = {}
    if label_changes or annotation_changes:
        changes = {"labels": label_changes, "annotations": annotation_changes}
        patch["metadata"] = {key: value for key, value in changes.items() if value}
    if wanted_spec:
        patch["spec"] = wanted_spec
    return patch


def parts(patch: dict[str, Any]) -> list[dict[str, Any]]:
    """The patch in the order to send it: what a worker may do must not fail with what it may not, its taints."""
    metadata, spec = dict(patch.get("metadata", {})), dict(patch.get("spec", {}))
    if "taints" not in spec:
        return [patch] if patch else []
    last: dict[str, Any] = {"spec": {"taints": spec.pop("taints")}}
    annotations = dict(metadata.pop("annotations", {}))
    if OWNED_TAINTS in annotations:  # noted with what it is about
        last["metadata"] = {"annotations": {OWNED_TAINTS: annotations.pop(OWNED_TAINTS)}}
    if annotations:
        metadata["annotations"] = annotations
    first = {key: value for key, value in (("metadata", metadata), ("spec", spec)) if value}
    return [first, last] if first else [last]


def _owned(annotations: Mapping[str, str], key: str) -> set[str]:
    try:
        return set(json.loads(annotations.get(key, "[]")))
    except ValueError:
        return set()


def _note(key: str, names: Any) -> dict[str, str]:
    return {key: json.dumps(sorted(names), separators=(",", ":"))} if names else {}


def _changes(current: Mapping[str, str], wanted: Mapping[str, str], owned: set[str]) -> dict[str, str | None]:
    changes: dict[str, str | None] = {key: value for key, value in wanted.items() if current.get(key) != value}
    changes |= {key: None for key in owned if key in current and key not in wanted}
    return changes


def _taints(current: list[dict[str, Any]], wanted: list[Taint], owned: set[str]) -> list[dict[str, Any]]:
    keys = {key for key, _, _ in wanted}
    kept = [taint for taint in current if taint["key"] not in owned or taint["key"] in keys]
    for key, value, effect in wanted:
        same = [t for t in kept if t["key"] == key]
        if any(t["effect"] == effect and (t.get("value") or "") == value for t in same):
            continue
        kept = [t for t in kept if t["key"] != key or key not in owned]
        kept.append({"key": key, "effect": effect, **({"value": value} if value else {})})
    return kept
