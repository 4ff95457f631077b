"""The part of the Common Expression Language that disk selectors need (cel-spec, language definition).

Literals, names with fields, lists, `! - * / % + - == != < <= > >= in && || ?:`, and the text functions contains,
startsWith, endsWith, matches, size and glob. No comprehension, no conversion, no message: an expression that uses more
is refused with the place. Own code: the Python implementation on PyPI brings a parser generator of 2 MB to the node,
for an expression that is evaluated once in a machine's life.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Mapping
from typing import Any

_TOKEN = re.compile(
    r"""\s*(?:(?P<number>0x[0-9a-fA-F]+[uU]?|\d+\.\d+|\d+[uU]?)|(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')"""
    r"""|(?P<name>[A-Za-z_]\w*)|(?P<op>&&|\|\||==|!=|<=|>=|[-+*/%!<>?:.,()\[\]]))"""
)
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"', "'": "'"}
UNITS: Mapping[str, int] = {
    **{f"{prefix}B": 1000 ** (n + 1) for n, prefix in enumerate("kMGTPE")},
    "KB": 1000,
    **{f"{prefix}iB": 1024 ** (n + 1) for n, prefix in enumerate("KMGTPE")},
}
"""names that every expression about sizes may use"""
_BINARY = (("||",), ("&&",), ("==", "!=", "<", "<=", ">", ">=", "in"), ("+", "-"), ("*", "/", "%"))
_DEPTH = 64


class CelError(ValueError):
    """The expression cannot be read or evaluated; the text says what and where."""


class UndecidedError(CelError):
    """It can be read, and this version cannot say what it is for the values at hand."""


# Of the language and of its usual extensions (cel-spec, cel-go ext/strings), not part of what is evaluated here.
_OTHER_FUNCTIONS = frozenset((
    "all", "exists", "exists_one", "existsOne", "map", "filter", "has", "string", "int", "uint", "double", "bool",
    "bytes", "dyn", "type", "timestamp", "duration", "mac", "upperAscii", "replace", "split", "substring", "trim",
    "indexOf", "lastIndexOf", "charAt", "join", "format", "reverse", "quote",
))  # fmt: skip
Node = Callable[[Mapping[str, Any]], Any]


def compile_expression(text: str) -> Node:
    """A function of the names' values. CelError."""
    return _Parser(text).finished()


def check(text: str, names: Mapping[str, Any] | None) -> None:
    """CelError unless it is an expression of these names (with values of their types; None: whatever names) that is
    true or false. Types are looked at as far as those values lead."""
    parser = _Parser(text, whole_language=True)
    node = parser.finished()
    if names is None:
        return
    try:
        result = node({**UNITS, **names})
    except UndecidedError:
        return
    if not isinstance(result, bool):
        raise CelError(f"{text!r} is neither true nor false")


def matches(text: str, values: Mapping[str, Any]) -> bool:
    """Whether an expression holds. CelError, also when its value is no truth value."""
    result = compile_expression(text)({**UNITS, **values})
    if not isinstance(result, bool):
        raise CelError(f"{text!r} is {result!r}, which is neither true nor false")
    return result


class _Parser:
    def __init__(self, text: str, *, whole_language: bool = False) -> None:
        self._text, self._at, self._depth = text, 0, 0
        self._whole_language = whole_language
        self.kind, self.value, self.column = "end", "", 0
        self._next()

    def finished(self) -> Node:
        """All of it."""
        node = self.expression()
        if self.kind != "end":
            raise CelError(f"{self.value!r} is not expected at column {self.column} of {self._text!r}")
        return node

    def _next(self) -> None:
        rest = self._text[self._at :]
        self.column = self._at + len(rest) - len(rest.lstrip()) + 1
        if not rest.strip():
            self.kind, self.value = "end", "the end"
            return
        match = _TOKEN.match(self._text, self._at)
        if match is None:
            raise CelError(f"{rest.strip()[:10]!r} at column {self.column} of {self._text!r} is not understood")
        self.kind, self.value, self._at = match.lastgroup or "", match[match.lastgroup or 0], match.end()

    def _take(self, *values: str) -> str:
        if self.kind in ("op", "name") and self.value in values:
            taken = self.value
            self._next()
            return taken
        return ""

    def _need(self, value: str) -> None:
        if not self._take(value):
            raise CelError(f"{value!r} is expected before {self.value!r} at column {self.column} of {self._text!r}")

    def expression(self) -> Node:
        self._depth += 1
        if self._depth > _DEPTH:
            raise CelError(f"{self._text[:40]!r}… is nested too deeply")
        condition = self._binary(0)
        if self._take("?"):
            yes = self.expression()
            self._need(":")
            no = self.expression()
            test = condition
            condition = lambda env: yes(env) if _truth(test(env)) else no(env)  # noqa: E731
        self._depth -= 1
        return condition

    def _binary(self, level: int) -> Node:
        if level == len(_BINARY):
            return self._unary()
        left = self._binary(level + 1)
        while op := self._take(*_BINARY[level]):
            left = _operation(op, left, self._binary(level + 1))
        return left

    def _unary(self) -> Node:
        if self._take("!"):
            inner = self._unary()
            return lambda env: not _truth(inner(env))
        if self._take("-"):
            inner = self._unary()
            return lambda env: -_number(inner(env))
        return self._member(self._primary())

    def _member(self, node: Node) -> Node:
        while True:
            if self._take("."):
                name = self._name()
                node = self._method(node, name) if self._take("(") else _field(node, name)
            elif self._take("["):
                index = self.expression()
                self._need("]")
                node = _index(node, index)
            else:
                return node

    def _method(self, target: Node, name: str) -> Node:
        if name in _MACROS and not self._whole_language:
            return self._macro(target, name)
        arguments = self._arguments()
        function = self._function(name)
        if function is _undecided:  # its arguments may have names of their own
            return lambda env: function(target(env))
        return lambda env: function(target(env), *(argument(env) for argument in arguments))

    def _macro(self, target: Node, name: str) -> Node:
        """LIST.exists(NAME, EXPRESSION), `all` and `exists_one` in the same way."""
        variable = self._name()
        self._need(",")
        body = self.expression()
        self._need(")")
        outcome = _MACROS[name]

        def run(env: Mapping[str, Any]) -> bool:
            items = target(env)
            if not isinstance(items, list | tuple):
                raise CelError(f"{items!r} is no list: {name} needs one")
            return outcome([_truth(body({**env, variable: item})) for item in items])

        return run

    def _function(self, name: str) -> Callable[..., Any]:
        function = _FUNCTIONS.get(name)
        if function is None and self._whole_language and name in _OTHER_FUNCTIONS:
            return _undecided
        if function is None:
            raise CelError(f"there is no function {name}: {', '.join(_FUNCTIONS)}")
        return function

    def _arguments(self) -> list[Node]:
        found: list[Node] = []
        while not self._take(")"):
            if found:
                self._need(",")
            found.append(self.expression())
        return found

    def _name(self) -> str:
        if self.kind != "name":
            raise CelError(f"a name is expected before {self.value!r} at column {self.column} of {self._text!r}")
        name = self.value
        self._next()
        return name

    def _primary(self) -> Node:
        kind, value = self.kind, self.value
        if kind == "number":
            self._next()
            constant = _constant(value)
            return lambda _env: constant
        if kind == "text":
            self._next()
            text = re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[1]), value[1:-1])
            return lambda _env: text
        if self._take("("):
            inner = self.expression()
            self._need(")")
            return inner
        if self._take("["):
            items: list[Node] = []
            while not self._take("]"):
                if items:
                    self._need(",")
                items.append(self.expression())
            return lambda env: [item(env) for item in items]
        name = self._name()
        if name in ("true", "false", "null"):
            literal = {"true": True, "false": False, "null": None}[name]
            return lambda _env: literal
        if self._take("("):
            arguments = self._arguments()
            function = self._function(name)
            if function is _undecided:
                return function
            return lambda env: function(*(argument(env) for argument in arguments))
        return lambda env: _lookup(env, name)


_MACROS: dict[str, Callable[[list[bool]], bool]] = {
    "exists": any,
    "all": all,
    "exists_one": lambda found: sum(found) == 1,
}


def _lookup(env: Mapping[str, Any], name: str) -> Any:
    if name not in env:
        raise CelError(f"{name} is not known here: {', '.join(sorted(set(env) - set(UNITS)))}")
    return env[name]


def _field(node: Node, name: str) -> Node:
    def read(env: Mapping[str, Any]) -> Any:
        value = node(env)
        if not isinstance(value, Mapping) or name not in value:
            known = ", ".join(sorted(value)) if isinstance(value, Mapping) else "none"
            raise CelError(f"there is no field {name}: {known}")
        return value[name]

    return read


def _index(node: Node, index: Node) -> Node:
    def read(env: Mapping[str, Any]) -> Any:
        try:
            return node(env)[index(env)]
        except (LookupError, TypeError) as error:
            raise UndecidedError(f"no such element: {error}") from error

    return read


def _undecided(*_values: Any) -> Any:
    raise UndecidedError("a function that is not evaluated here")


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise CelError(f"{value!r} is neither true nor false")
    return value


def _constant(text: str) -> int | float:
    """A number as it stands in an expression; leading zeros do not make it octal. It fits a float or 64 bits."""
    plain = text.rstrip("uU")
    if "." in plain:
        return float(plain)
    try:
        number = int(plain, 16 if plain.startswith("0x") else 10)
    except ValueError as error:  # CPython refuses thousands of digits
        raise CelError(f"{text[:20]}… is too long a number") from error
    if number >= 1 << 64:
        raise CelError(f"{text[:20]} is too large a number")
    return number


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise CelError(f"{value!r} is no number")
    return value


def _operation(op: str, left: Node, right: Node) -> Node:
    if op == "&&":
        return lambda env: _truth(left(env)) and _truth(right(env))
    if op == "||":
        return lambda env: _truth(left(env)) or _truth(right(env))
    if op == "==":
        return lambda env: left(env) == right(env)
    if op == "!=":
        return lambda env: left(env) != right(env)

    def apply(env: Mapping[str, Any]) -> Any:
        one, two = left(env), right(env)
        try:
            if op == "in":
                return one in two
            if op in ("<", "<=", ">", ">="):
                return {"<": one < two, "<=": one <= two, ">": one > two, ">=": one >= two}[op]
            if op == "+":
                return one + two
            one, two = _number(one), _number(two)
            if op == "-":
                return one - two
            if op == "*":
                return one * two
            if isinstance(one, int) and isinstance(two, int):
                quotient = abs(one) // abs(two) * (1 if (one < 0) == (two < 0) else -1)
                return quotient if op == "/" else one - quotient * two
            return one / two if op == "/" else one % two
        except (TypeError, ZeroDivisionError) as error:
            raise CelError(f"{one!r} {op} {two!r}: {error}") from error

    return apply


def _text(function: Callable[[str, str], bool]) -> Callable[..., Any]:
    def call(*values: Any) -> bool:
        if len(values) != 2 or not all(isinstance(value, str) for value in values):
            raise CelError("a function of texts takes two texts")
        try:
            return function(values[0], values[1])
        except re.error as error:
            raise CelError(f"{values[1]!r} is no regular expression: {error}") from error

    return call


def _size(*values: Any) -> int:
    if len(values) != 1 or not isinstance(values[0], str | list | Mapping):
        raise CelError("size takes one text or list")
    return len(values[0])


_FUNCTIONS: dict[str, Callable[..., Any]] = {
    "contains": _text(lambda text, part: part in text),
    "startsWith": _text(lambda text, part: text.startswith(part)),
    "endsWith": _text(lambda text, part: text.endswith(part)),
    "matches": _text(lambda text, pattern: re.search(pattern, text) is not None),
    "glob": _text(lambda pattern, text: fnmatch.fnmatchcase(text, pattern)),
    "lowerAscii": lambda text: text.lower(),
    "size": _size,
}
