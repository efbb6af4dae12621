"""Tools that frameworks invent so that a model can pass the work to another agent.

They are no actions in the world: `transfer_to_researcher`, `handoff`, `delegate_task_to_member`, `ask_researcher`.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

_WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")
_ALONE = frozenset({("handoff",), ("hand", "off"), ("transfer", "to", "agent"), ("transfer", "back")})
_STARTS = (
    ("transfer", "to"),
    ("transfer", "back", "to"),
    ("handoff", "to"),
    ("hand", "off", "to"),
    ("hand", "over", "to"),
    ("handover", "to"),
    ("delegate", "to"),
    ("delegate", "task", "to"),
    ("delegate", "work", "to"),
    ("delegate", "task"),
    ("delegate", "work"),
    ("assign", "task", "to"),
    ("route", "to"),
    ("escalate", "to"),
)
_ASKING = frozenset({"ask", "call", "consult", "invoke", "delegate", "query", "run", "use"})
_AGENTS = frozenset(
    {
        "agent",
        "subagent",
        "assistant",
        "expert",
        "specialist",
        "researcher",
        "writer",
        "planner",
        "reviewer",
        "coder",
        "programmer",
        "analyst",
        "critic",
        "editor",
        "supervisor",
        "engineer",
        "developer",
        "architect",
        "advisor",
        "adviser",
        "coordinator",
        "consultant",
        "coworker",
        "colleague",
        "teammate",
        "member",
        "crew",
        "team",
        "tester",
        "translator",
        "summarizer",
        "summariser",
        "orchestrator",
        "triage",
    }
)
_NO_AGENTS = frozenset(
    {
        "user",
        "human",
        "question",
        "questions",
        "customer",
        "operator",
        "account",
        "bank",
        "wallet",
        "savings",
        "iban",
        "bucket",
        "storage",
    }
)
_SAID = frozenset(
    {
        "agent",
        "agent_id",
        "agent_name",
        "context",
        "coworker",
        "description",
        "expected_output",
        "goal",
        "input",
        "instruction",
        "instructions",
        "member_id",
        "member_name",
        "message",
        "name",
        "prompt",
        "query",
        "question",
        "reason",
        "recipient_agent",
        "request",
        "role",
        "summary",
        "target_agent",
        "task",
        "task_description",
        "text",
        "to",
        "to_agent",
        "topic",
        "wait_for_previous_agents",
    }
)
"""What one agent tells another; an argument of another name means that the tool acts by itself."""


def is_handoff(name: str, arguments: Any) -> bool:
    """Tell whether a call of a tool of this name passes the work to another agent.

    `ask_` and its like count only in front of a word for an agent: `ask_user`, `run_shell` and `query_database` act.
    Known arguments must be the kind that one agent gives another.
    """
    if not named_like_one(name[:200]):
        return False
    return not isinstance(arguments, dict) or all(key in _SAID for key in arguments)


@lru_cache(4096)
def named_like_one(name: str) -> bool:
    """Tell whether some calls of a tool of this name pass the work on; names of at most 200 characters are read."""
    words = tuple(word.lower() for word in _WORD.findall(name))
    if words in _ALONE:
        return True
    for start in _STARTS:
        if words[: len(start)] == start and (len(words) > len(start) or start[-1] != "to"):
            return not _NO_AGENTS.intersection(words)
    return len(words) > 1 and words[0] in _ASKING and words[-1] in _AGENTS
