"""`spanwarden check POLICY --action NAME`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from spanwarden.cli.main import UsageError
from spanwarden.cli.printing import print_json

if TYPE_CHECKING:
    from spanwarden.guard.decision import GuardMode
    from spanwarden.transcripts.tables import Tables
    from spanwarden.transcripts.troy import StepType

STEP_TYPES = ("tool_call", "llm_call", "decision", "observation")
MODES = ("enforce", "monitor", "dry-run")


class Asked(NamedTuple):
    """The action as given on the command line; JSON still as text."""

    action: str
    arguments: str | None
    metadata: str | None
    agent_name: str
    agent_metadata: str | None
    step_type: StepType
    mode: GuardMode


def check_action(policy: str, asked: Asked, tables: Tables) -> int:
    """Print the decision on an action; return 0 where it is allowed, 2 where it is not or could not be judged."""
    from spanwarden.guard.decision import decide
    from spanwarden.policy.document import PolicyError
    from spanwarden.policy.loading import load

    try:
        loaded = load(policy, broken="keep")
    except PolicyError as error:
        raise UsageError(str(error)) from None
    decision = decide(
        loaded,
        asked.action,
        arguments=_object("--input", asked.arguments),
        metadata=_object("--metadata", asked.metadata),
        agent_name=asked.agent_name,
        agent_metadata=_object("--agent-metadata", asked.agent_metadata),
        step_type=asked.step_type,
        mode=asked.mode,
        tables=tables,
    )
    print_json(msgspec.to_builtins(decision), line=False)
    for broken in decision.rule_errors:
        line = " ".join(f"rule {broken.rule}: {broken.error}".split()).encode("utf-8", "backslashreplace").decode()
        print(f"spanwarden: {line}", file=sys.stderr)
    return 0 if decision.allowed else 2


def _object(option: str, text: str | None) -> dict[str, Any]:
    if not text:
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply or a number too long"
        raise UsageError(f"{option}: not JSON: {reason}") from None
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise UsageError(f"{option}: expected a JSON object")
    return value
