"""Arguments as a tool received them, out of the wrappers that instrumentations put around them."""

from __future__ import annotations

import ast
import warnings
from typing import Any

import msgspec

from spanwarden.effects.limits import MAX_JSON, MAX_NESTING, MAX_REPR

_MAX_LAYERS = 6
_CALL_KEYS = frozenset(
    ("tool_name", "toolName", "tool", "name", "arguments", "args", "id", "type", "call_id", "server", "server_name")
)
_ONLY_CHILD = ("arguments", "kwargs", "inputs", "input", "parameters", "params", "tool_input", "tool_args", "args")
_WRAPPING = frozenset(("function", "toolUse", "tool_use", "functionCall", "function_call", "input_str", *_ONLY_CHILD))
"""A wrapper has at least one of these."""
_decode = msgspec.json.Decoder().decode


def unwrap(arguments: Any) -> Any:
    """Return what the tool itself was given.

    Takes arguments in any shape: an object, JSON text of one (also encoded twice), `{"args": [..], "kwargs": {..}}`,
    `{"input_str": .., "inputs": {..}}`, `{"input": {..}}`, `{"tool_name": .., "arguments": ..}`, a function or tool-use
    part of a model's message, or the repr of a Python literal. Text that is none of these, and any other value, is
    returned as it is. Never raises; text beyond the limits of `effects.limits` is not decoded.
    """
    value = arguments
    for _ in range(_MAX_LAYERS):
        if isinstance(value, str):
            inner = _decoded(value)
        elif isinstance(value, dict):
            inner = _peeled(value)
        elif isinstance(value, (list, tuple)) and len(value) == 1 and isinstance(value[0], dict):
            inner = value[0]
        else:
            return value
        if inner is value:
            return value
        value = inner
    return value


def _decoded(text: str) -> Any:
    """Decode JSON or a Python literal; text that only looks like a number, or like nothing, stays text."""
    start = text.lstrip(" \t\r\n\ufeff")[:1]
    if start not in {"{", "[", '"', "("}:
        return text
    if start != "(" and len(text) <= MAX_JSON:
        try:
            value = _decode(text)
        except (msgspec.MsgspecError, RecursionError, UnicodeError):
            pass
        else:
            return value if isinstance(value, (dict, list, str)) else text
    return _literal(text)


def _literal(text: str) -> Any:
    stripped = text.strip()
    if len(stripped) > MAX_REPR or stripped[-1] not in "}])" or _nesting(stripped) > MAX_NESTING:
        return text
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = ast.literal_eval(stripped)
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text
    return value if isinstance(value, (dict, list)) else text


def _nesting(text: str) -> int:
    """Count the deepest bracket, quotes ignored: too high an answer only means that the text stays text."""
    depth = deepest = 0
    for character in text:
        if character in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif character in ")]}":
            depth -= 1
    return deepest


def _peeled(value: dict[Any, Any]) -> Any:
    """Take one wrapper off, or return `value` itself where there is none."""
    if _WRAPPING.isdisjoint(value):
        return value
    for part in ("function", "toolUse", "tool_use", "functionCall", "function_call"):
        inside = value.get(part)
        if isinstance(inside, dict) and "name" in inside:
            return inside
    kwargs, args = value.get("kwargs"), value.get("args")
    if isinstance(kwargs, dict) and isinstance(args, (list, tuple)):
        return _python_call(args, kwargs)
    if "input_str" in value:
        return _langchain(value)
    if "arguments" in value and _CALL_KEYS.issuperset(value):
        return value["arguments"] if value["arguments"] is not None else {}
    if "input" in value and ("toolUseId" in value or value.get("type") == "tool_use"):
        return value["input"]
    if len(value) == 1:
        ((key, inside),) = value.items()
        if key in _ONLY_CHILD and isinstance(inside, dict):
            return inside
        if key in _ONLY_CHILD and isinstance(inside, str):
            inner = _decoded(inside)
            return inner if isinstance(inner, dict) else value
    return value


def _python_call(args: list[Any] | tuple[Any, ...], kwargs: dict[Any, Any]) -> Any:
    if kwargs:
        return kwargs
    if len(args) == 1:
        return args[0]
    return list(args)


def _langchain(value: dict[Any, Any]) -> Any:
    inputs = value.get("inputs")
    if isinstance(inputs, dict) and inputs:
        return inputs
    text = value["input_str"]
    return text if isinstance(text, (str, dict)) else value
