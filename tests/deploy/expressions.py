"""Reads PromQL as far as names go: which metrics, functions and labels an expression uses.

promtool parses the same expressions in the integration tests; this is what can be told without it.
"""

import re
from typing import NamedTuple

from spanwarden.service.metrics import METRICS

TARGET_LABELS = frozenset({"job", "instance"})
"""Labels that Prometheus adds to whatever it scrapes."""

FUNCTIONS = frozenset(
    {"absent", "deriv", "histogram_quantile", "increase", "rate", "resets", "vector"}  # those that are used here
)
AGGREGATIONS = frozenset(["avg", "count", "max", "min", "sum", "topk"])
OPERATORS = frozenset({"and", "or", "unless", "bool", "offset"})
GROUPINGS = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})

_TOKEN = re.compile(
    r"""(?P<text>"(?:[^"\\]|\\.)*")|(?P<duration>\d+(?:ms|[smhdwy]))|(?P<number>\d+(?:\.\d+)?)"""
    r"""|(?P<name>[a-zA-Z_:][\w:]*)|(?P<sign>=~|!~|!=|>=|<=|==|[-+*/%^=<>(){}\[\],])|(?P<blank>\s+)"""
)
_CLOSING = {")": "(", "}": "{", "]": "["}


class Selector(NamedTuple):
    """One metric in an expression and the labels that it is matched on."""

    metric: str
    labels: tuple[str, ...]


class Expression(NamedTuple):
    """What an expression names."""

    selectors: tuple[Selector, ...]
    grouped: frozenset[str]


def samples():
    """Return every sample name that the service exposes, with its labels."""
    found = {"up": frozenset()}
    for metric in METRICS:
        labels = frozenset(metric.labels)
        if metric.kind == "counter":
            found[metric.name + "_total"] = labels
        elif metric.kind == "gauge":
            found[metric.name] = labels
        else:
            found |= {metric.name + "_bucket": labels | {"le"}, metric.name + "_sum": labels}
            found[metric.name + "_count"] = labels
    return found


def read(text):
    """Return the names in an expression. Raises ValueError where it cannot be PromQL."""
    tokens = _tokens(text)
    selectors, grouped = [], set()
    place = 0
    while place < len(tokens):
        kind, value = tokens[place]
        following = tokens[place + 1][1] if place + 1 < len(tokens) else ""
        place += 1
        if kind != "name" or value in OPERATORS:
            continue
        if value in GROUPINGS:
            labels, place = _labels(tokens, place, "(", ")")
            grouped |= set(labels)
        elif value in AGGREGATIONS:
            if following not in {"(", *GROUPINGS}:
                raise ValueError(f"{value} aggregates nothing")
        elif following == "(":
            if value not in FUNCTIONS:
                raise ValueError(f"unknown function {value}")
        else:
            labels, place = _labels(tokens, place, "{", "}") if following == "{" else ((), place)
            selectors.append(Selector(value, tuple(labels)))
    return Expression(tuple(selectors), frozenset(grouped))


def complaints(text):
    """Return what is wrong with the names in an expression: unknown metrics, labels that they do not have."""
    known = samples()
    expression = read(text)
    wrong = [f"no metric {s.metric}" for s in expression.selectors if s.metric not in known]
    all_labels = set(TARGET_LABELS)
    for metric, labels in expression.selectors:
        own = known.get(metric, frozenset()) | TARGET_LABELS
        all_labels |= own
        wrong += [f"{metric} has no label {label}" for label in labels if label not in own]
    wrong += [f"nothing here has the label {label}" for label in sorted(expression.grouped - all_labels)]
    return wrong


def _tokens(text):
    tokens, open_brackets, place = [], [], 0
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise ValueError(f"not PromQL at {text[place : place + 20]!r}")
        place = match.end()
        value = match[0]
        if value in "({[":
            open_brackets.append(value)
        elif value in _CLOSING and (not open_brackets or open_brackets.pop() != _CLOSING[value]):
            raise ValueError(f"unbalanced {value}")
        if match.lastgroup != "blank":
            tokens.append((match.lastgroup, value))
    if open_brackets:
        raise ValueError(f"unclosed {open_brackets[-1]}")
    return tokens


def _labels(tokens, place, opening, closing):
    """Return the names between brackets that open at `place`, and the place after them; none if none open there."""
    if place >= len(tokens) or tokens[place][1] != opening:
        return (), place
    names = []
    while tokens[place][1] != closing:
        kind, value = tokens[place]
        if kind == "name":
            names.append(value)
        place += 1
    return tuple(names), place + 1
