"""A patched file keeps its comments at what they were written for."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from talos.config import Config, kinds
from talos.config.comments import transplant
from talos.config.patch import apply_patches_to_text
from talos.config.yaml_reader import load

GOLDEN = Path(__file__).parent / "documents"

SOURCE = """\
# this machine
# stands in the cellar
version: v1alpha1
machine:
  type: worker   # not the other
  token: 'a#b' # of the # cluster
  # names
  certSANs: # all of them
    # the router
    - 10.0.0.1
    - example.org # outside
  sysctls: {net.core.somaxconn: "1"} # few
  files:
    - content: |
        # not a comment
        text
      # readable
      permissions: 0o644
      path: /var/x
      op: create
---
# its name
apiVersion: v1alpha1
kind: HostnameConfig
hostname: alpha # first
# the end
"""

EXPECTED = """\
# this machine
# stands in the cellar
version: v1alpha1
machine:
    type: worker # not the other
    token: a#b # of the # cluster
    # names
    certSANs: # all of them
        # the router
        - 10.0.0.1
        - example.org # outside
        - new
    files:
        - content: |
            # not a comment
            text
          # readable
          permissions: 0o644
          path: /var/x
          op: create
    sysctls: # few
        net.core.somaxconn: "1"
cluster: null
---
# its name
apiVersion: v1alpha1
kind: HostnameConfig
hostname: beta # first
# the end
"""


def test_comments_stay_with_their_keys() -> None:
    patches = ["machine: {certSANs: [new]}", "apiVersion: v1alpha1\nkind: HostnameConfig\nhostname: beta"]
    text = apply_patches_to_text(SOURCE, patches)
    assert text == EXPECTED
    assert apply_patches_to_text(text, []) == text


def test_what_is_deleted_takes_its_comments_with_it() -> None:
    text = apply_patches_to_text(SOURCE, ["machine: {certSANs: {$patch: delete}, files: {$patch: delete}}"])
    assert "router" not in text
    assert "readable" not in text
    assert "# not the other" in text


def test_comments_survive_a_json_patch() -> None:
    source = "machine:\n  # mine\n  token: a # here\n"
    patch = '[{"op": "replace", "path": "/machine/token", "value": "b"}]'
    assert apply_patches_to_text(source, [patch]) == "machine:\n  # mine\n  token: b # here\n"


def test_a_text_without_comments_is_written_as_ever() -> None:
    text = (GOLDEN / "v1alpha1.yaml").read_text()
    assert apply_patches_to_text(text, []) == text


@pytest.mark.parametrize("kind", kinds.MODULES)
def test_a_comment_above_and_after_every_line_comes_back(kind: str) -> None:
    """Of the canonical text nothing may move, whatever the kind."""
    text = (GOLDEN / f"{kind}.yaml").read_text()
    commented = [
        line if _inside_text(text, number) else f"{_margin(line)}# above {number}\n{line}"
        for number, line in enumerate(text.splitlines())
    ]
    source = "\n".join(commented) + "\n"
    assert transplant(source, Config.decode(source).encode()) == source


def _margin(line: str) -> str:
    return " " * (len(line) - len(line.lstrip()))


def _inside_text(text: str, number: int) -> bool:
    """Whether a line belongs to a literal block that was begun above."""
    lines = text.splitlines()
    for above in range(number - 1, -1, -1):
        if lines[above].rstrip().endswith(("|", "|-", "|+")):
            return all(len(_margin(x)) > len(_margin(lines[above])) or not x for x in lines[above + 1 : number + 1])
    return False


@settings(max_examples=200)
@given(st.text(alphabet="ab#:-|> \n'\"{}[],", max_size=60), st.sampled_from(sorted(kinds.MODULES)))
def test_comments_never_change_what_is_said(noise: str, kind: str) -> None:
    """Any text as source: the target's meaning stays."""
    from talos.config.errors import ConfigError

    target = (GOLDEN / f"{kind}.yaml").read_text()
    try:
        result = transplant(noise, target)
    except ConfigError:
        return
    assert load(result) == load(target)
