"""The nearest span above, against a walk that goes up step by step."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from spanwarden.model.observation import Observation
from spanwarden.runs.ancestry import Ancestry, SpanKey, nearest

SPANS = [(b"t", bytes([n])) for n in range(8)]
PARENTS = st.dictionaries(st.sampled_from(SPANS), st.none() | st.sampled_from(SPANS))


def walked(parents: dict[SpanKey, SpanKey | None], start: SpanKey, stops: set[SpanKey]) -> SpanKey | None:
    at = parents[start]
    for _ in parents:
        if at is None or at in stops:
            return at
        at = parents.get(at)
    return None


def circles(parents: dict[SpanKey, SpanKey | None], start: SpanKey) -> bool:
    at: SpanKey | None = start
    for _ in range(len(parents) + 1):
        at = parents.get(at) if at is not None else None
    return at is not None


@given(PARENTS, st.sets(st.sampled_from(SPANS)))
def test_it_is_what_a_walk_finds(parents: dict[SpanKey, SpanKey | None], stops: set[SpanKey]) -> None:
    stops &= parents.keys()  # only spans that were seen are asked for
    found = nearest(parents, stops)
    assert found.keys() >= parents.keys()
    for start in parents:
        if not circles(parents, start):
            assert found[start] == walked(parents, start, stops)


def test_a_circle_has_nothing_above_it_and_ends() -> None:
    one, two, three = SPANS[:3]
    parents: dict[SpanKey, SpanKey | None] = {one: two, two: one, three: one}
    assert nearest(parents, [three]) == {one: None, two: None, three: None}
    assert nearest(parents, [one])[three] == one


def test_who_asks_for_the_same_again_gets_the_same() -> None:
    spans = [Observation("agent", ("k",), trace_id=b"t", span_id=b"1"), Observation("span", ("k",), span_id=b"2")]
    tree = Ancestry(spans)
    asked = [(b"t", b"1")]
    assert tree.nearest(asked) is tree.nearest(set(asked))
    assert tree.nearest([]) == {(b"t", b"1"): None, (b"", b"2"): None}
