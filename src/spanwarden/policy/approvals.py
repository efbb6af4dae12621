"""Which earlier approval, if any, covers an action."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from typing import Any, NamedTuple

from spanwarden.detectors.texts import leaves
from spanwarden.detectors.words import word_set
from spanwarden.effects.naming import words_of
from spanwarden.effects.table import squashed
from spanwarden.model.event import Content, Event
from spanwarden.policy.rules.base import RunView

_PLANS = ("exitplanmode", "submitplan", "approveplan")
_NO = word_set(
    "no deny denied reject rejected decline declined cancel cancelled canceled stop abort false disapprove not"
)
_YES = word_set("yes y ok okay approve approved accept accepted allow allowed confirm confirmed proceed true sure go")
_MIN_TARGET = 4
_MAX_TARGET = 512
_MAX_TARGETS = 8
_MAX_TEXT = 4096
_MAX_APPROVALS = 50


class Approval(NamedTuple):
    """An approval that was given: at which event, what was asked (lower case), and for which call or plan."""

    event: int
    asked: str
    call_id: str | None
    plan: bool


def approval_for(view: RunView, index: int) -> str | None:
    """Return the token of an approval that came before an event and covers it, None without one.

    It covers the event if it was given for the same call id, if what was asked names the tool or one of the targets, or
    if it approved a plan and the user has said nothing since.
    """
    event = view.events[index]
    given = view.once("metadata.approvals", lambda: _approvals(view))
    for approval in reversed([a for a in given if a.event < index]):
        if _covers(approval, event, view, index):
            told = view.events[approval.event]
            return told.call_id or told.span_id.hex() or f"event-{approval.event}"
    return None


def _approvals(view: RunView) -> list[Approval]:
    found: list[Approval] = []
    for index, event in enumerate(view.events):
        if len(found) >= _MAX_APPROVALS:
            break
        if event.kind == "decision" and event.tool and event.status == "ok":
            found.append(Approval(index, "", event.call_id, plan=False))
        elif event.kind == "tool_call" and any(effect.kind == "approval" for effect in event.effects):
            content = view.content(index)
            if event.status not in {"denied", "error"} and _agreed(content, event):
                plan = squashed(event.tool or "") in _PLANS
                found.append(Approval(index, _text(content.arguments).lower(), None, plan))
    return found


def _agreed(content: Content, event: Event) -> bool:
    """Tell whether the answer to a question was a yes. No answer is none, except to a plan, which ends with one."""
    if content.result is None:
        return event.status == "ok" and squashed(event.tool or "") in _PLANS
    if isinstance(content.result, dict):
        for key in ("approved", "confirmed", "allowed", "accepted"):
            if key in content.result:
                return content.result[key] is True
    words = [word for leaf in leaves(content.result, "result")[:32] for word in words_of(leaf.text[:400])]
    return not _NO.intersection(words) and (bool(_YES.intersection(words)) or squashed(event.tool or "") in _PLANS)


def _covers(approval: Approval, event: Event, view: RunView, index: int) -> bool:
    if approval.call_id is not None:
        return approval.call_id == event.call_id
    if approval.plan:
        spoken = view.once("metadata.spoken", lambda: [i for i, e in enumerate(view.events) if e.role == "user"])
        return bisect_right(spoken, approval.event) == bisect_left(spoken, index)
    if event.tool and event.tool.lower() in approval.asked:
        return True
    targets = [effect.target for effect in event.effects if effect.target][:_MAX_TARGETS]
    return any(_MIN_TARGET <= len(t) <= _MAX_TARGET and t.lower() in approval.asked for t in targets)


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value[:_MAX_TEXT]
    try:
        return json.dumps(value, ensure_ascii=False)[:_MAX_TEXT]
    except (TypeError, ValueError, RecursionError):
        return ""
