"""Comments of a text put back into the same configuration written anew.

Documents are values and know no comments, so a patched configuration is written without them. Here they come back by
what they stand at: a comment above a key (or a list element) goes above the same key, one at the end of a line to the
end of the line of the same key. List elements are the same when their text, or their first plain value, is the same.
What was deleted takes its comments with it. The result is only used if it still reads as the same configuration.

Rejected: a parser that keeps comments in its tree (ruamel.yaml). It would make a second reading of the language beside
ours, on the node as well, and merges would have to work on its trees instead of on documents.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from talos.config.errors import ConfigError
from talos.config.yaml_reader import MappingNode, Node, ScalarNode, SequenceNode, documents, load

_AT_END = re.compile(r"[\s:,\]}|>+\-0-9]*\s(#.*)")
"""What may stand between the last value of a line and its comment."""

Place = tuple[str, ...]


class _Comments(NamedTuple):
    above: list[str]
    at_end: str


class _Layout:
    """Which key or element stands on which line of a text (lines counted from 0)."""

    def __init__(self, text: str) -> None:
        self.lines = text.split("\n")
        self.place_of: dict[int, Place] = {}
        self.ends: dict[int, int] = {}
        self.inside: set[int] = set()
        """Lines that go on with a value begun above: no comment is one there."""
        self.last: list[int] = []
        counted: dict[str, int] = {}
        for node in documents(text):
            head = _head(node)
            counted[head] = counted.get(head, 0) + 1
            self._visit(node, (head, str(counted[head])))

    def _visit(self, node: Node, place: Place) -> None:
        if isinstance(node, ScalarNode):
            block = node.style in ("|", ">")
            end = node.end_mark.line - (1 if block and node.end_mark.column == 0 else 0)
            self.inside.update(range(node.start_mark.line + 1, end + 1))
            if not block:
                self._ends(node)
        elif isinstance(node, MappingNode):
            for key, value in node.value:
                here = (*place, str(key.value))
                self.place_of.setdefault(key.start_mark.line, here)
                self._ends(key)
                self._visit(value, here)
        elif isinstance(node, SequenceNode):
            seen: dict[str, int] = {}
            for item in node.value:
                name = _element(item)
                seen[name] = seen.get(name, 0) + 1
                here = (*place, f"[{name}]", str(seen[name]))
                self.place_of.setdefault(item.start_mark.line, here)
                self._visit(item, here)
        if getattr(node, "flow_style", False):
            self._ends(node)

    def _ends(self, node: Node) -> None:
        line = node.end_mark.line
        self.ends[line] = max(self.ends.get(line, 0), node.end_mark.column)

    def comments(self) -> tuple[dict[Place, _Comments], list[str]]:
        """By place, and those after everything."""
        found: dict[Place, _Comments] = {}
        above: list[str] = []
        for number, line in enumerate(self.lines):
            if number in self.inside:
                continue
            if line.lstrip().startswith("#"):
                above.append(line.strip())
                continue
            place = self.place_of.get(number)
            if place is None:
                continue
            match = _AT_END.fullmatch(line[self.ends.get(number, 0) :])
            at_end = match[1].rstrip() if match else ""
            if above or at_end:
                found[place] = _Comments(above, at_end)
            above = []
        return found, above


def _head(node: Node) -> str:
    if not isinstance(node, MappingNode):
        return ""
    head = {k.value: v.value for k, v in node.value if isinstance(k, ScalarNode) and isinstance(v, ScalarNode)}
    return f"{head.get('kind', '')} {head.get('name', '')}" if head.get("kind") else ""


def _element(node: Node) -> str:
    if isinstance(node, ScalarNode):
        return str(node.value)
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if isinstance(key, ScalarNode) and isinstance(value, ScalarNode):
                return f"{key.value}={value.value}"
    return ""


def transplant(source: str, target: str) -> str:
    """``target`` with the comments of ``source`` at the same keys; ``target`` itself where that cannot be."""
    if "#" not in source:
        return target
    comments, last = _Layout(source).comments()
    if not comments and not last:
        return target
    layout = _Layout(target)
    out: list[str] = []
    for number, line in enumerate(layout.lines):
        found = None if number in layout.inside else comments.pop(layout.place_of.get(number, ()), None)
        if found is None:
            out.append(line)
            continue
        margin = " " * (len(line) - len(line.lstrip()))
        out += [f"{margin}{comment}" for comment in found.above]
        ends_here = number + 1 not in layout.inside
        out.append(f"{line} {found.at_end}" if found.at_end and ends_here else line)
    if last:
        out[-1:] = [*last, out[-1]]
    text = "\n".join(out)
    try:
        same = load(text) == load(target)
    except ConfigError:
        same = False
    return text if same else target
