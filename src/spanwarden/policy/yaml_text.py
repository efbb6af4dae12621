"""YAML and JSON text to nodes that know their line, within limits that hostile text cannot exceed.

Plain scalars follow the YAML 1.2 core schema: only true and false are booleans, so that a tool may be called `no`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, NoReturn

import re2
import yaml

from spanwarden.policy.document import Node, PolicyError, Scalar

MAX_BYTES = 1 << 20
MAX_DEPTH = 64
MAX_NODES = 100_000
"""Values in one file, counted after aliases are replaced by what they stand for."""

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re2.compile(r"[-+]?[0-9]{1,300}")
_RADIX = re2.compile(r"0x[0-9a-fA-F]{1,200}|0o[0-7]{1,200}")
_FLOAT = re2.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, Scalar] = {"": None, "~": None}
_WORDS |= dict.fromkeys(("null", "Null", "NULL"))
_WORDS |= dict.fromkeys(("true", "True", "TRUE"), True) | dict.fromkeys(("false", "False", "FALSE"), False)
_WORDS |= {sign + dot: float(sign + "inf") for sign in ("", "+", "-") for dot in (".inf", ".Inf", ".INF")}
_WORDS |= {dot: float("nan") for dot in (".nan", ".NaN", ".NAN")}
_STRING_TAGS = {"!", "tag:yaml.org,2002:str"}


def parse(body: bytes, source: str, *, as_json: bool = False) -> Node:
    """Return the document in `body`; an empty one is a null.

    `source` names the file in errors. With `as_json` the text must be JSON. Raises PolicyError for text that is not
    one document of that language, for a duplicate or non-scalar key, and for text beyond the limits of this module.
    """
    if len(body) > MAX_BYTES:
        raise PolicyError(f"{source}: larger than {MAX_BYTES} bytes")
    try:
        text = body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        raise PolicyError(f"{source}:{line}: not UTF-8") from None
    if not as_json:
        return _Builder(source).build(text)
    value = _json(text, source)
    try:
        return _Builder(source).build(text)
    except _SyntaxError:
        # Legal JSON that YAML spells otherwise (a tab between values, an escaped surrogate pair): lines are lost.
        return _from_json(value, source, 1)


class _SyntaxError(PolicyError):
    pass


@dataclass(slots=True)
class _Frame:
    line: int
    anchor: str | None
    mapping: bool
    items: list[Node] = field(default_factory=list)
    members: dict[str, Node] = field(default_factory=dict)
    key: str | None = None
    key_line: int = 0
    size: int = 1

    def node(self) -> Node:
        return Node(self.members if self.mapping else tuple(self.items), self.line, self.size)


class _Builder:
    def __init__(self, source: str) -> None:
        self._source = source
        self._stack: list[_Frame] = []
        self._anchors: dict[str, Node] = {}
        self._root: Node | None = None
        self._documents = 0
        self._nodes = 0

    def build(self, text: str) -> Node:
        try:
            loader = _LOADER(text)
            try:
                while loader.check_event():
                    self._take(loader.get_event())
            finally:
                loader.dispose()
        except yaml.YAMLError as error:
            self._syntax(error)
        return self._root or Node(None, 1)

    def _syntax(self, error: yaml.YAMLError) -> NoReturn:
        mark = getattr(error, "problem_mark", None)
        where = f"{self._source}:{mark.line + 1}" if mark is not None else self._source
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "not YAML"
        if getattr(error, "context", None) in ("while scanning an alias", "while scanning an anchor"):
            problem = "a text that begins with '*' or '&' needs quotes"
        raise _SyntaxError(f"{where}: not YAML: {' '.join(str(problem).split())[:200]}") from None

    def _take(self, event: yaml.Event) -> None:
        line = event.start_mark.line + 1 if event.start_mark is not None else 0
        if isinstance(event, yaml.DocumentStartEvent):
            self._documents += 1
            if self._documents > 1:
                self._fail(line, "a policy is one document, here starts a second")
        elif isinstance(event, yaml.AliasEvent):
            node = self._anchors.get(event.anchor or "")
            if node is None:
                self._fail(line, f"alias *{event.anchor} without an anchor before it")
            self._add(node, line)
        elif isinstance(event, yaml.ScalarEvent):
            node = Node(self._scalar(event, line), line)
            if event.anchor is not None:
                self._anchors[event.anchor] = node
            self._add(node, line, key_text=event.value)
        elif isinstance(event, yaml.SequenceStartEvent | yaml.MappingStartEvent):
            self._open(event, line)
        elif isinstance(event, yaml.SequenceEndEvent | yaml.MappingEndEvent):
            frame = self._stack.pop()
            node = frame.node()
            if frame.anchor is not None:
                self._anchors[frame.anchor] = node
            self._nodes -= frame.size - 1  # they were counted one by one; the whole is counted as it is added
            self._add(node, frame.line)

    def _open(self, event: yaml.SequenceStartEvent | yaml.MappingStartEvent, line: int) -> None:
        mapping = isinstance(event, yaml.MappingStartEvent)
        if event.tag not in {None, "!", "tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}:
            self._fail(line, f"tag {str(event.tag)[:60]} is not supported")
        if self._stack and self._stack[-1].mapping and self._stack[-1].key is None:
            self._fail(line, "a key must be text")
        if len(self._stack) >= MAX_DEPTH:
            self._fail(line, f"nested deeper than {MAX_DEPTH} levels")
        self._stack.append(_Frame(line, event.anchor, mapping))

    def _add(self, node: Node, line: int, key_text: str | None = None) -> None:
        if not self._stack:
            self._root = node
            return
        frame = self._stack[-1]
        if frame.mapping and frame.key is None:
            key = key_text if key_text is not None else node.value
            if not isinstance(key, str):
                self._fail(line, "a key must be text")
            if key == "<<":
                self._fail(line, "merge keys (<<) are not supported")
            if key in frame.members:
                self._fail(line, f"duplicate key {key[:60]!r}")
            frame.key, frame.key_line = key, line
            return
        self._nodes += node.size
        frame.size += node.size
        if self._nodes > MAX_NODES or frame.size > MAX_NODES:
            self._fail(line, f"more than {MAX_NODES} values once aliases are expanded")
        if frame.mapping:
            assert frame.key is not None
            # A value is complained about where its key stands, also when it is a block that starts on the next line.
            frame.members[frame.key] = Node(node.value, frame.key_line, node.size)
            frame.key = None
        else:
            frame.items.append(node)

    def _scalar(self, event: yaml.ScalarEvent, line: int) -> Scalar:
        text: str = event.value
        if not event.implicit[0]:
            if event.tag in {None, *_STRING_TAGS} or event.implicit[1]:
                return text
            self._fail(line, f"tag {str(event.tag)[:60]} is not supported")
        if text in _WORDS:
            return _WORDS[text]
        if _INTEGER.fullmatch(text):
            return int(text)
        if _RADIX.fullmatch(text):
            return int(text, 0)
        if _FLOAT.fullmatch(text):
            return float(text)
        return text

    def _fail(self, line: int, message: str) -> NoReturn:
        raise PolicyError(f"{self._source}:{line}: {message}")


def _json(text: str, source: str) -> Any:
    def members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if key in found:
                raise PolicyError(f"{source}: duplicate key {key[:60]!r}")
            found[key] = value
        return found

    try:
        return json.loads(text, object_pairs_hook=members)
    except json.JSONDecodeError as error:
        raise PolicyError(f"{source}:{error.lineno}: not JSON: {error.msg}") from None
    except RecursionError:
        raise PolicyError(f"{source}: nested deeper than {MAX_DEPTH} levels") from None
    except PolicyError:
        raise
    except ValueError:
        raise PolicyError(f"{source}: a number with too many digits") from None


def _from_json(value: Any, source: str, depth: int) -> Node:
    if depth > MAX_DEPTH:
        raise PolicyError(f"{source}: nested deeper than {MAX_DEPTH} levels")
    if isinstance(value, dict):
        members = {key: _from_json(child, source, depth + 1) for key, child in value.items()}
        return Node(members, 0, 1 + sum(child.size for child in members.values()))
    if isinstance(value, list):
        items = tuple(_from_json(child, source, depth + 1) for child in value)
        return Node(items, 0, 1 + sum(child.size for child in items))
    return Node(value, 0)
