"""Model calls that an agent's conversation retells although their own spans were seen."""

from __future__ import annotations

from collections.abc import Sequence

from spanwarden.model.observation import Observation
from spanwarden.runs.ancestry import Ancestry, span_key


def without_retold(actions: Sequence[Observation], tree: Ancestry) -> list[Observation]:
    """Leave out the model calls told only by the messages of a span, if spans of model calls stand below that span.

    Some agents send their whole conversation and no spans of their steps; an instrumented client adds those spans.
    """
    retelling = [o for o in actions if o.kind == "llm_call" and o.source == "message"]
    tellers = {key for o in retelling if (key := span_key(o)) is not None}
    if not tellers:
        return list(actions)
    above = tree.nearest(tellers)
    seen = {above.get(key) for o in actions if _witnesses(o) and (key := span_key(o)) is not None}
    return [o for o in actions if not (_retells(o) and span_key(o) in seen)]


def _retells(o: Observation) -> bool:
    return o.kind == "llm_call" and o.source == "message"


def _witnesses(o: Observation) -> bool:
    return o.kind == "llm_call" and o.source == "span"
