"""Which of the conventions' names a record has, worked out once for every set of keys.

There are a hundred names to ask for, most records have ten of them, and what one program sends has few sets of keys.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import msgspec

from spanwarden.dialects import genai_keys as keys
from spanwarden.dialects.genai_flattened import first_keys

MAX_KEYS, MAX_LENGTH = 48, 2048
"""Of a record with more keys, or longer ones together, the set of keys is not remembered."""
MAX_SETS, MAX_CHOICES = 512, 256
"""How many sets of keys are remembered, and how many sets of the conventions' names: 7 MiB of both at the most."""


class Names(msgspec.Struct, frozen=True, gc=False):
    """Those of the names in `genai_keys` that are there, each group in its order; () where none of a group is."""

    operation: tuple[str, ...]
    mcp_method: tuple[str, ...]
    entity_kind: tuple[str, ...]
    span_kind: tuple[str, ...]
    request_type: tuple[str, ...]
    run_id: tuple[str, ...]
    conversation: tuple[str, ...]
    agent: tuple[str, ...]
    agent_id: tuple[str, ...]
    agent_known: tuple[str, ...]
    workflow: tuple[str, ...]
    model: tuple[str, ...]
    provider: tuple[str, ...]
    response_id: tuple[str, ...]
    finish: tuple[str, ...]
    tool: tuple[str, ...]
    tool_name: tuple[str, ...]
    tool_status: tuple[str, ...]
    tool_type: tuple[str, ...]
    call_id: tuple[str, ...]
    arguments: tuple[str, ...]
    result: tuple[str, ...]
    mcp_server: tuple[str, ...]
    error: tuple[str, ...]
    system: tuple[str, ...]
    input: tuple[str, ...]
    output: tuple[str, ...]
    flattened: tuple[str, ...]
    query: tuple[str, ...]
    documents: tuple[str, ...]
    memory: tuple[str, ...]
    cost: tuple[str, ...]
    usage: Mapping[str, tuple[str, ...]]


def names_of(attributes: Mapping[str, bytes]) -> Names:
    """Return the names that a record has. Looking it up costs one pass over its keys."""
    sent = tuple(attributes)
    known = _BY_KEYS.get(sent)
    return _learn(sent) if known is None else known


def _learn(sent: tuple[str, ...]) -> Names:
    there = _ASKED.intersection(sent)
    names = _BY_NAMES.get(there)
    if names is None:
        if len(_BY_NAMES) >= MAX_CHOICES:
            _BY_NAMES.clear()
        names = _BY_NAMES[there] = _among(there)
    if len(sent) <= MAX_KEYS and sum(map(len, sent)) <= MAX_LENGTH:
        if len(_BY_KEYS) >= MAX_SETS:
            _BY_KEYS.clear()
        _BY_KEYS[sent] = names
    return names


def _among(there: frozenset[str]) -> Names:
    groups = {field: _present(group, there) for field, group in _GROUPS.items()}
    usage = {field: present for field, group in keys.USAGE.items() if (present := _present(group, there))}
    return Names(**groups, usage=usage)


def _present(group: Iterable[str], there: frozenset[str]) -> tuple[str, ...]:
    return tuple(name for name in group if name in there)


_GROUPS: dict[str, tuple[str, ...]] = {
    "operation": (keys.OPERATION,),
    "mcp_method": (keys.MCP_METHOD,),
    "entity_kind": (keys.ENTITY_KIND,),
    "span_kind": (keys.SPAN_KIND,),
    "request_type": (keys.REQUEST_TYPE,),
    "run_id": keys.RUN_ID,
    "conversation": keys.CONVERSATION,
    "agent": keys.AGENT,
    "agent_id": keys.AGENT_ID,
    "agent_known": keys.AGENT_KNOWN,
    "workflow": keys.WORKFLOW,
    "model": keys.MODEL,
    "provider": keys.PROVIDER,
    "response_id": keys.RESPONSE_ID,
    "finish": keys.FINISH,
    "tool": keys.TOOL,
    "tool_name": keys.TOOL_NAME,
    "tool_status": keys.TOOL_STATUS,
    "tool_type": keys.TOOL_TYPE,
    "call_id": keys.CALL_ID,
    "arguments": keys.ARGUMENTS,
    "result": keys.RESULT,
    "mcp_server": keys.MCP_SERVER,
    "error": keys.ERROR,
    "system": keys.SYSTEM,
    "input": keys.INPUT,
    "output": keys.OUTPUT,
    "flattened": tuple(name for start in keys.FLATTENED for name in first_keys(start)),
    "query": keys.QUERY,
    "documents": keys.DOCUMENTS,
    "memory": keys.MEMORY,
    "cost": keys.COST,
}
_ASKED = frozenset(name for groups in (_GROUPS, keys.USAGE) for group in groups.values() for name in group)
_BY_KEYS: dict[tuple[str, ...], Names] = {}
_BY_NAMES: dict[frozenset[str], Names] = {}
