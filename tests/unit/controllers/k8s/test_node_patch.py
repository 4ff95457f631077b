"""What the node writes on its Node, and what it leaves alone."""

from __future__ import annotations

from typing import Any

from talos.controllers.k8s.node_apply import OWNED_TAINTS, node_patch, parts


def node(
    annotations: dict[str, str] | None = None, labels: dict[str, str] | None = None, **spec: Any
) -> dict[str, Any]:
    return {"metadata": {"annotations": annotations or {}, "labels": labels or {}}, "spec": spec}


def apply(given: dict[str, Any], patch: dict[str, Any]) -> dict[str, Any]:
    """RFC 7386."""
    result = dict(given)
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            result[key] = apply(result.get(key) or {}, value)
        else:
            result[key] = value
    return result


def test_labels_and_taints_are_set_and_noted_then_nothing_is_left_to_do() -> None:
    wanted = ({"role": "", "x": "1"}, {"note": "n"}, [("key", "", "NoSchedule")])
    start = node(labels={"others": "stay"})
    patched = apply(start, node_patch(start, *wanted, cordoned=False))
    assert patched["metadata"]["labels"] == {"others": "stay", "role": "", "x": "1"}
    assert patched["metadata"]["annotations"]["talos.dev/owned-labels"] == '["role","x"]'
    assert patched["spec"]["taints"] == [{"key": "key", "effect": "NoSchedule"}]
    assert node_patch(patched, *wanted, cordoned=False) == {}


def test_what_is_no_longer_wanted_is_taken_away_but_nothing_of_others() -> None:
    start = node({"a": "theirs"}, {"others": "stay"}, taints=[{"key": "theirs", "effect": "NoExecute"}])
    full = apply(start, node_patch(start, {"mine": "1"}, {"b": "mine"}, [("t", "v", "NoSchedule")], cordoned=False))
    bare = apply(full, node_patch(full, {}, {}, [], cordoned=False))
    assert bare["metadata"] == {"annotations": {"a": "theirs"}, "labels": {"others": "stay"}}
    assert bare["spec"]["taints"] == [{"key": "theirs", "effect": "NoExecute"}]


def test_only_an_own_cordon_is_lifted() -> None:
    cordoned = apply(node(), node_patch(node(), {}, {}, [], cordoned=True))
    assert cordoned["spec"]["unschedulable"] is True
    lifted = apply(cordoned, node_patch(cordoned, {}, {}, [], cordoned=False))
    assert "unschedulable" not in lifted["spec"]
    assert lifted["metadata"]["annotations"] == {}
    by_a_person = node(unschedulable=True)
    assert node_patch(by_a_person, {}, {}, [], cordoned=False) == {}


def test_taints_go_last_and_alone_because_a_worker_may_not_change_its_own() -> None:
    start = node()
    whole = node_patch(start, {"mine": "1"}, {"b": "mine"}, [("t", "v", "NoSchedule")], cordoned=True)
    first, last = parts(whole)
    assert set(last) == {"metadata", "spec"}
    assert set(last["spec"]) == {"taints"}
    assert set(last["metadata"]["annotations"]) == {OWNED_TAINTS}
    assert "taints" not in first["spec"]
    assert first["metadata"]["labels"] == {"mine": "1"}
    assert OWNED_TAINTS not in first["metadata"]["annotations"]
    assert apply(apply(start, first), last) == apply(start, whole)
    assert parts({}) == []
    without = node_patch(start, {"mine": "1"}, {}, [], cordoned=False)
    assert parts(without) == [without]
