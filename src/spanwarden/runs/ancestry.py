"""Who stands above whom: the tree of the spans of one window, walked without recursion and without trusting it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from spanwarden.model.observation import Observation

SpanKey = tuple[bytes, bytes]
"""Trace id and span id."""

_OPEN: SpanKey = (b"", b"")


def span_key(observation: Observation) -> SpanKey | None:
    """Return the span that an observation is of or was made in, None where it has none."""
    return (observation.trace_id, observation.span_id) if observation.span_id else None


def parents_of(observations: Iterable[Observation]) -> dict[SpanKey, SpanKey | None]:
    """Return the parent of every span that was seen itself, None for one without a parent."""
    parents: dict[SpanKey, SpanKey | None] = {}
    for o in observations:
        if o.source == "span" and o.span_id:
            key = (o.trace_id, o.span_id)
            if o.parent_id or key not in parents:
                parents[key] = (o.trace_id, o.parent_id) if o.parent_id else parents.get(key)
    return parents


class Ancestry:
    """The tree of the spans of one window."""

    def __init__(self, observations: Iterable[Observation]) -> None:
        self._parents = parents_of(observations)
        self._found: dict[frozenset[SpanKey], dict[SpanKey, SpanKey | None]] = {}

    def nearest(self, stops: Iterable[SpanKey]) -> Mapping[SpanKey, SpanKey | None]:
        """Return `nearest` of these stops; who asks again for the same ones gets the same answer."""
        wanted = frozenset(stops)
        found = self._found.get(wanted)
        if found is None:
            found = self._found[wanted] = nearest(self._parents, wanted)
        return found


def nearest(parents: Mapping[SpanKey, SpanKey | None], stops: Iterable[SpanKey]) -> dict[SpanKey, SpanKey | None]:
    """Return, for every span, the nearest one strictly above it that is in `stops`, None where there is none.

    A circle of parents counts as having nothing above it. Linear in the number of spans.
    """
    wanted = frozenset(stops)
    found: dict[SpanKey, SpanKey | None] = {}
    if not wanted:
        return dict.fromkeys(parents)
    for start, parent in parents.items():
        if start in found:
            continue
        if parent is None or parent in found:  # as below, with a path of one; spans mostly come after their parents
            found[start] = parent if parent is None or parent in wanted else found[parent]
            continue
        path: list[SpanKey] = []
        at: SpanKey | None = start
        while at is not None and at not in found:
            path.append(at)
            found[at] = _OPEN  # met again on the way up: a circle
            at = parents.get(at)
        # Without a known end above (the top, a missing parent, a circle) nothing above the topmost of the path counts,
        # except a missing parent that is itself wanted, which cannot be: only seen spans are.
        answer: SpanKey | None = None
        if at is not None and found[at] is not _OPEN:
            answer = at if at in wanted else found[at]
        for key in reversed(path):
            found[key] = answer
            if key in wanted:
                answer = key
    return found
