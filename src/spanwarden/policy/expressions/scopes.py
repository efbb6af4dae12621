"""The names that conditions may use, what each stands for and what it needs to be known."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from spanwarden.policy.expressions import functions, operations


class Name(NamedTuple):
    """A name of a scope.

    attribute: the event's own attribute that it is. loader: the method of `Running` that loads it on first use.
    needs: what telemetry must carry for it. text: always a text or None. ahead: looks at later steps.
    """

    attribute: str | None = None
    loader: str | None = None
    needs: str | None = None
    text: bool = False
    ahead: bool = False
    steps: bool = False


class Function(NamedTuple):
    """A function of a scope: what does it, and how many arguments it takes.

    in_run: is handed the run and the event's position first. keywords: names of arguments that may be named.
    """

    does: Any
    least: int
    most: int
    in_run: bool = False
    keywords: tuple[str, ...] = ()
    needs: str | None = None


class ScopeSpec(NamedTuple):
    """What conditions of one kind may use.

    troy: steps are plain dicts and everything unknown is an error, as in troy; otherwise events have fields and what
    is unknown is None, in which nothing is, which is less than nothing and over which loops do not turn.
    """

    names: Mapping[str, Name]
    functions: Mapping[str, Function]
    troy: bool = False


STEPS: Mapping[str, Name] = {
    "step": Name(),
    "steps": Name(ahead=True, steps=True),
    "prev_steps": Name(steps=True),
    "next_steps": Name(ahead=True, steps=True),
    "step_index": Name(),
    "trace": Name(),
    "agent": Name(),
}
"""troy's names."""

EVENT_NAMES: Mapping[str, Name] = {
    "kind": Name(attribute="kind", text=True),
    "type": Name(attribute="kind", text=True),
    "tool": Name(attribute="tool", text=True),
    "model": Name(attribute="model", text=True),
    "status": Name(attribute="status", text=True),
    "role": Name(attribute="role", text=True),
    "agent_name": Name(attribute="agent", text=True),
    "cost": Name(attribute="cost_usd", needs="cost"),
    "args": Name(loader="args", needs="arguments"),
    "result": Name(loader="result", needs="results"),
    "text": Name(loader="text", needs="text"),
    "error": Name(loader="error"),
    "usage": Name(loader="usage", needs="usage"),
    "effects": Name(loader="effects"),
    "metadata": Name(loader="metadata"),
    "index": Name(),
    "run": Name(),
}
"""Our names."""

STEP_KEYS: Mapping[str, Name] = {
    "step_id": Name(loader="step_id", text=True),
    "type": Name(loader="step_type", text=True),
    "description": Name(loader="description", text=True),
    "input": Name(loader="step_input", needs="arguments"),
    "output": Name(loader="step_output", needs="results"),
    "metadata": Name(loader="step_metadata"),
}
"""What troy's step holds."""

SEARCHES = {"any_prev": False, "any_next": True, "any_step": True}
"""Functions that take a lambda over steps, and whether they look at later ones."""

_SHARED: Mapping[str, Function] = {
    "get": Function(operations.get, 2, 3, keywords=("default",)),
    "any": Function(any, 1, 1),
    "all": Function(all, 1, 1),
    "min": Function(min, 1, 8, keywords=("key", "default")),
    "max": Function(max, 1, 8, keywords=("key", "default")),
    "sum": Function(operations.total, 1, 1),
    "sorted": Function(sorted, 1, 1, keywords=("key", "reverse")),
    "int": Function(operations.whole, 1, 1),
    "float": Function(operations.real, 1, 1),
}
"""Functions in every scope; str, matches and any_prev, any_next, any_step are compiled apart."""

_OURS: Mapping[str, Function] = {
    "len": Function(operations.length, 1, 1),
    "path_in": Function(functions.path_in, 2, 2),
    "domain": Function(functions.domain, 1, 1),
    "same": Function(functions.same, 2, 3, keywords=("keys",)),
    "minutes": Function(functions.minutes, 1, 1),
    "hours": Function(functions.hours, 1, 1),
    "days": Function(functions.days, 1, 1),
    "age": Function(functions.age, 1, 1, in_run=True, needs="times"),
    "user_said": Function(functions.user_said, 1, 1, in_run=True),
    "approved": Function(functions.approved, 0, 1, in_run=True),
    "seen": Function(functions.seen, 2, 4, in_run=True, keywords=("over", "by"), needs="state"),
}

APART = ("str", "matches", *SEARCHES)
"""Functions that are compiled in a way of their own."""

EVENT = ScopeSpec({**STEPS, **EVENT_NAMES}, {**_SHARED, **_OURS})
"""One event of a run: `when`, `where`, `unless`, `expr`."""
TROY = ScopeSpec(STEPS, {**_SHARED, "len": Function(len, 1, 1)}, troy=True)
"""troy's conditions: its names and semantics, and the functions of Python's that its own rules assume."""

TEXT_METHODS = frozenset(
    ["lower", "upper", "casefold", "strip", "lstrip", "rstrip", "startswith", "endswith", "split", "rsplit",
     "splitlines", "partition", "rpartition", "find", "isdigit", "isalpha", "isalnum", "isspace", "isupper", "islower",
     "removeprefix", "removesuffix", "count", "index", "rfind", "title", "capitalize"]
)  # fmt: skip
GROWING = {"replace": (2, 3), "join": (1, 1)}
"""Methods of texts that can make long ones of short ones, and how many arguments they take; done by `operations`."""
OBJECT_METHODS = frozenset(["get", "keys", "values", "items"])
SPLITTING = frozenset(["split", "rsplit", "splitlines"])
FIELDS = frozenset(
    ["kind", "type", "tool", "model", "status", "role", "agent_name", "agent", "cost", "call_id", "args", "result",
     "text", "error", "usage", "effects", "metadata", "run", "index"]
)  # fmt: skip
"""Fields of events; see `steps.event_field`."""
FIELD_NEEDS = {"args": "arguments", "result": "results", "text": "text", "usage": "usage", "cost": "cost"}
