"""Which observations of one window told of the same action."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Sequence

from spanwarden.model.observation import Observation
from spanwarden.runs.ancestry import Ancestry, SpanKey
from spanwarden.runs.history import Histories
from spanwarden.runs.matching import match_requests, same_tool
from spanwarden.runs.ties import SLACK, best_host, hosts, seeks

CALLS = frozenset({"tool_call", "handoff", "decision"})
"""Kinds that tell of one tool call from several sides; they share the call ids."""
LIKENESS = "like:"
"""How a `merge` starts that is no id of the model call, but what its log record and its span both count."""

Indexed = tuple[int, Observation]

_MAX_OUTER = 64
"""How many of the last calls begun before are looked at for the one that an inner layer's trace belongs to."""


class Groups:
    """A union of observations by index. `members` lists the groups by their lowest index."""

    def __init__(self, size: int) -> None:
        self._parent = list(range(size))

    def find(self, index: int) -> int:
        """Return the lowest index of the group."""
        root = index
        while self._parent[root] != root:
            root = self._parent[root]
        while self._parent[index] != root:
            self._parent[index], index = root, self._parent[index]
        return root

    def join(self, one: int, two: int) -> None:
        """Make one group of two."""
        a, b = self.find(one), self.find(two)
        if a != b:
            self._parent[max(a, b)] = min(a, b)

    def join_all(self, indexes: Iterable[int]) -> None:
        """Make one group of all."""
        first: int | None = None
        for index in indexes:
            if first is None:
                first = index
            else:
                self.join(first, index)

    def members(self) -> list[list[int]]:
        """Return every group, its indexes ascending."""
        groups: dict[int, list[int]] = {}
        roots: list[int] = []
        for index, parent in enumerate(self._parent):
            if parent == index:
                roots.append(index)
                groups[index] = [index]
            else:  # a parent has a lower index, so its root is known
                roots.append(roots[parent])
                groups[roots[parent]].append(index)
        return list(groups.values())


def group(observations: Sequence[Observation], tree: Ancestry, histories: Histories) -> Groups:
    """Return the groups of observations that told of the same action. `observations` are sorted and hold no "span"."""
    groups = Groups(len(observations))
    spans = [(index, o) for index, o in enumerate(observations) if o.source == "span"]
    _same_span(observations, spans, groups)
    _same_identity(observations, groups)
    _nested(observations, spans, tree, groups)
    _elsewhere(observations, spans, groups)
    if [o for o in observations if o.executed and o.merge is None]:
        current = (m for m in groups.members() if not histories.before_the_run([observations[i] for i in m]))
        match_requests(observations, current, groups.join)
    return groups


def _same_span(observations: Sequence[Observation], spans: Sequence[Indexed], groups: Groups) -> None:
    """Join a span that was sent twice, and the log records that repeat what a span says."""
    known: dict[tuple[object, ...], int] = {}
    for index, o in spans:
        if o.span_id:
            first = known.setdefault((o.kind, o.trace_id, o.span_id), index)
            if first != index:
                groups.join(first, index)
    for index, o in enumerate(observations):
        if o.source == "log" and o.merge is None and o.span_id:
            span = known.get((o.kind, o.trace_id, o.span_id))
            if span is not None:
                groups.join(span, index)


def _same_identity(observations: Sequence[Observation], groups: Groups) -> None:
    first: dict[tuple[str, str], int] = {}
    named: dict[tuple[str, str], list[int]] = {}
    for index, o in enumerate(observations):
        if o.merge is None and o.alias is None:
            continue
        kind: str = "call" if o.kind in CALLS else o.kind
        for identity in (o.merge,) if o.alias is None else (o.merge, o.alias):
            if identity is not None:
                key = (kind, identity)
                known = first.setdefault(key, index)
                if known != index:
                    named.setdefault(key, [known]).append(index)
    for (kind, identity), indexes in named.items():
        if kind == "llm_call" and identity.startswith(LIKENESS):
            _alike(observations, indexes, groups)
        elif kind == "llm_call":
            _overlapping(observations, indexes, groups)
        else:
            groups.join_all(indexes)


def _alike(observations: Sequence[Observation], indexes: list[int], groups: Groups) -> None:
    """Join the n-th log record with the n-th span: alike are also two calls that happen to count the same tokens."""
    spans: dict[SpanKey, int] = {}
    logs: list[int] = []
    for index in indexes:
        o = observations[index]
        if o.source == "span":
            spans.setdefault((o.trace_id, o.span_id), index)
        else:
            logs.append(index)
    for span, log in zip(spans.values(), logs, strict=False):
        groups.join(span, log)


def _overlapping(observations: Sequence[Observation], indexes: list[int], groups: Groups) -> None:
    """Join model calls with one response id, unless their spans follow each other: some servers repeat their ids."""
    cluster: int | None = None
    until = 0
    for index in indexes:
        o = observations[index]
        if cluster is None or (o.source == "span" and 0 < until < o.start):
            cluster = index
        groups.join(cluster, index)
        until = max(until, o.end) if o.source == "span" else until


def _nested(observations: Sequence[Observation], spans: Sequence[Indexed], tree: Ancestry, groups: Groups) -> None:
    """Join a layer with the layer inside it: the framework's span, the client's and the server's around one call."""
    actions: dict[SpanKey, int] = {}
    for index, o in spans:
        if o.span_id:
            key = (o.trace_id, o.span_id)
            known = actions.get(key)
            if known is None or _tells(o) > _tells(observations[known]):
                actions[key] = index
    above = tree.nearest(actions)
    inner: dict[int, list[int]] = defaultdict(list)
    for key, index in actions.items():
        outer_key = above.get(key)
        if outer_key is None:
            continue
        outer = actions[outer_key]
        one, two = observations[outer], observations[index]
        if one.kind == two.kind == "llm_call":
            inner[outer].append(index)
        elif one.kind in CALLS and two.kind in CALLS and _compatible(one, two) and _is_one(one, two):
            groups.join(outer, index)
    for outer, found in inner.items():
        # One request may be tried several times inside; the last try is the one whose answer the outer span reports.
        groups.join(outer, found[-1])


def _elsewhere(observations: Sequence[Observation], spans: Sequence[Indexed], groups: Groups) -> None:
    """Join an inner layer's report in a trace of its own with the outer layer's; each outer one once for a layer."""
    inner = [index for index, o in spans if not o.parent_id and seeks(o)]
    if not inner:
        return
    outer = [index for index, o in spans if hosts(o)]
    by_id = {id(observations[index]): index for index in outer}
    starts = [observations[index].start for index in outer]
    taken: set[tuple[str | None, int]] = set()
    for index in inner:
        o = observations[index]
        until = bisect_right(starts, o.start + SLACK)
        free = (observations[i] for i in outer[max(0, until - _MAX_OUTER) : until] if (o.scope, i) not in taken)
        host = best_host(o, free)
        if host is not None:
            taken.add((o.scope, by_id[id(host)]))
            groups.join(index, by_id[id(host)])


def _tells(o: Observation) -> tuple[bool, ...]:
    return o.merge is not None, o.tool is not None, o.executed, o.status != "unknown"


def _is_one(one: Observation, two: Observation) -> bool:
    """Tell whether `two`, inside `one`, is the same call or only a step of it.

    A step is a permission that was asked for: one kind of permission may cover tools of many names.
    """
    asked = one.executed and not two.executed and two.merge is None and two.status == "unknown"
    return asked or same_tool(one.tool, two.tool)


def _compatible(one: Observation, two: Observation) -> bool:
    return one.merge is None or two.merge is None or one.merge == two.merge
