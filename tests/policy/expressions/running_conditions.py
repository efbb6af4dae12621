"""What tests of conditions share: compiling a text, and a run to work it out on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spanwarden.model.event import Content, Effect, Event, Usage
from spanwarden.model.run import Run
from spanwarden.policy.document import Field, Node
from spanwarden.policy.expressions.condition import Condition, compile_condition
from spanwarden.policy.expressions.scopes import EVENT, ScopeSpec
from spanwarden.policy.rules.base import RunView
from spanwarden.transcripts.entries import HeldContents

SECOND = 10**9
EVENTS: list[tuple[Event, Content]] = [
    (Event("message", role="user", start=SECOND), Content(text="Mail the report to bob@acme.com")),
    (
        Event(
            "tool_call",
            "ok",
            tool="send_email",
            agent="clerk",
            effects=(Effect("message_send", "bob@acme.com"),),
            start=2 * SECOND,
            end=3 * SECOND,
        ),
        Content(arguments={"to": ["bob@acme.com", "eve@evil.example"], "n": 3, "path": "src/a.py"}, result="sent"),
    ),
    (
        Event("llm_call", model="m-1", cost_usd=0.5, usage=Usage(input=10), start=4 * SECOND, end=5 * SECOND),
        Content(text="Done"),
    ),
    (
        Event("tool_call", "error", tool="bash", effects=(Effect("shell", "ls"),), start=63 * SECOND),
        Content(arguments={"command": "ls"}, error="denied"),
    ),
]


def field(text: str, line: int = 3) -> Field:
    return Field("p.yaml", "when", Node(text, line))


def view_of(events: list[tuple[Event, Content]] | None = None, **run: Any) -> RunView:
    pairs = EVENTS if events is None else events
    return RunView(Run("r1", tuple(e for e, _ in pairs), **run), HeldContents(c for _, c in pairs))


def compiled(text: str, scope: ScopeSpec = EVENT, **more: Any) -> Condition:
    return compile_condition(field(text), scope, **more)


def value(
    text: str,
    index: int = 1,
    scope: ScopeSpec = EVENT,
    bound: Mapping[str, Any] | None = None,
    view: RunView | None = None,
    **more: Any,
) -> Any:
    names = bound or {}
    return compiled(text, scope, bound=tuple(names), **more).value(view or view_of(), index, names)
