"""The mappings of a policy file, key by key: what the loader accepts and the published schema says."""

from __future__ import annotations

from collections.abc import Mapping

from spanwarden.model.event import EffectKind, Kind
from spanwarden.model.finding import SEVERITIES
from spanwarden.policy.grammar import (
    DAY,
    EXPRESSION,
    GLOBS,
    LENGTH,
    TEXT,
    Anything,
    ByForm,
    Flag,
    Key,
    ListOf,
    MapOf,
    Number,
    Shape,
    Text,
    one_or_many,
)
from spanwarden.policy.grammar import Kind as ValueKind

EFFECT_KINDS: tuple[EffectKind, ...] = EffectKind.__args__  # type: ignore[attr-defined]
EVENT_KINDS: tuple[Kind, ...] = Kind.__args__  # type: ignore[attr-defined]
GROUPS: dict[str, frozenset[str]] = {
    "write": frozenset(
        ["file_write", "shell", "network_send", "message_send", "vcs_write", "memory_write", "agent_spawn"]
    ),
    "egress": frozenset(["network_fetch", "network_send", "message_send", "vcs_write"]),
    "send": frozenset(["network_send", "message_send"]),
}
"""Names for several effect kinds. `write` also takes in tools whose name says that they change something."""
CARRIES = ("instruction",)
FINDS = ("secret", "password", "pii")
"""`secret` is a key or token by its shape or by its line in a settings file, `password` what text merely calls one."""
OUTCOMES = ("done", "pending", "failed")
MODES = ("enforce", "monitor")
STATUSES = ("stable", "test", "experimental", "deprecated")
ON_MISSING = ("pass", "report", "finding")
ID = r"^[a-z0-9][a-z0-9._-]{0,99}$"
NAME = r"^[a-z][a-z0-9_]{0,63}$"
MAX_WEIGHT = 100
MAX_REASON = 500

IDENTIFIER = Text(pattern=NAME, form="a name of lower-case letters, digits and '_', at most 64")
MODE = Text(choices=MODES)
SEVERITY = Text(choices=SEVERITIES)
WEIGHT = Number(0, MAX_WEIGHT, whole=True)
MISSING = Text(choices=ON_MISSING)

SELECTOR_KEYS: dict[str, Key] = {
    "class": Key(one_or_many(TEXT), "Events of one of these classes."),
    "tool": Key(GLOBS, "Tools by name: a glob or a list of them, without regard to case."),
    "agent": Key(GLOBS, "Events of an agent by its name: a glob or a list of them."),
    "kind": Key(one_or_many(Text(choices=EVENT_KINDS)), "Kinds of event; tool calls and retrievals where absent."),
    "role": Key(one_or_many(TEXT), "Messages of one of these roles."),
    "effect": Key(one_or_many(Text(choices=(*EFFECT_KINDS, *GROUPS))), "Calls that did one of these to the world."),
    "target": Key(GLOBS, "With `effect`: what it was done to."),
    "detail": Key(one_or_many(TEXT), "With `effect`: what sort of it."),
    "carries": Key(one_or_many(Text(choices=CARRIES)), "Results with text that gives orders."),
    "finds": Key(one_or_many(Text(choices=FINDS)), "Results in which a detector finds one of these."),
    "outcome": Key(one_or_many(Text(choices=OUTCOMES)), "Calls that ended so."),
    "where": Key(EXPRESSION, "A condition that must hold for the event."),
    "arg": Key(one_or_many(TEXT), "In `to` of a flow: the arguments that are looked at."),
    "as": Key(IDENTIFIER, "The name that later conditions and messages know the event by."),
}
PLAIN_SELECTOR = Shape("selector", SELECTOR_KEYS, noun="a selector")
SELECTOR = ByForm(mapping=PLAIN_SELECTOR, text=TEXT)
CLASS = ByForm(mapping=PLAIN_SELECTOR, text=TEXT, list=ListOf(SELECTOR, most=200))

EXCEPTION = Shape(
    "exception",
    {
        "reason": Key(Text(), "Why; required, so that somebody can ask later.", required=True),
        "agent": Key(GLOBS, "Only for these agents."),
        "tool": Key(GLOBS, "Only for findings on a call of these tools."),
        "expr": Key(EXPRESSION, "Only where this condition holds for the event of the finding."),
        "until": Key(DAY, "The last day (UTC) on which it counts, by the end of the run."),
    },
    noun="an exception",
)
DEDUP = Shape(
    "dedup",
    {
        "by": Key(ListOf(TEXT, most=20, least=1), "What must be alike for two findings to be one.", required=True),
        "for": Key(LENGTH, "How long a later finding counts as told already; the run where absent."),
    },
    noun="dedup",
)
TUNING_KEYS: dict[str, Key] = {
    "enabled": Key(Flag(), "`false` switches the rule off."),
    "mode": Key(MODE, "`monitor` only marks findings: they add nothing to the score."),
    "severity": Key(SEVERITY, "How bad a finding is."),
    "weight": Key(WEIGHT, "What the rule adds to the risk score; by severity where absent."),
    "on_missing": Key(MISSING, "What follows where telemetry lacks what the rule needs."),
    "exceptions": Key(ListOf(EXCEPTION), "Where the rule does not count."),
}
TUNING = Shape("tuning", TUNING_KEYS, noun="an override")
RULE_KEYS: dict[str, Key] = {
    "id": Key(
        Text(pattern=ID, form="an id of lower-case letters, digits, '-', '_' and '.', at most 100"),
        "What findings are known by; unique in the policy.",
        required=True,
    ),
    "title": Key(TEXT, "A short name; made from the id where absent."),
    "description": Key(TEXT, "For readers."),
    "status": Key(Text(choices=STATUSES), "How far the rule is trusted."),
    "tags": Key(ListOf(TEXT, most=100), "Texts that findings carry, such as `owasp-agentic:ASI01`."),
    "message": Key(TEXT, "What findings say; `{to.tool}` and the like stand for facts of the events."),
    "dedup": Key(DEDUP, "Which findings are one."),
    **TUNING_KEYS,
}


COMPANIONS: dict[str, tuple[str, ...]] = {
    "violated_if": ("sequence",),
    "order": ("all_of",),
    "unless": ("all_of", "any_of"),
}
"""Keys that stand beside a body of some families, and which."""
COMPANION_KEYS: dict[str, Key] = {
    "violated_if": Key(Text(choices=("present", "missing")), "Whether the sequence or its absence is the finding."),
    "order": Key(ListOf(TEXT, most=20, least=2), "Members of `all_of` that must follow each other, by name."),
    "unless": Key(one_or_many(EXPRESSION), "Conditions that take the finding back."),
}


def rule_shape(bodies: Mapping[str, ValueKind]) -> Shape:
    """Return the shape of one native rule whose body is one of these."""
    keys = {name: Key(kind, "The body.") for name, kind in bodies.items()}
    return Shape("rule", RULE_KEYS | COMPANION_KEYS | keys, one_of=tuple(bodies), noun="a rule")


LIMITS = Shape(
    "limits",
    {
        "max_cost_usd": Key(ByForm(number=Number(), text=TEXT), "US dollars that a run may cost.", blank=True),
        "max_runtime_minutes": Key(ByForm(number=Number(), text=TEXT), "Minutes that a run may take.", blank=True),
    },
)
CONTROL_KEYS: dict[str, Key] = {
    "limits": Key(LIMITS, "Limits of cost and time.", blank=True),
    "max_shell_commands": Key(ByForm(number=Number(), text=TEXT), "Shell commands that a run may use.", blank=True),
    "allow_network": Key(Flag(), "Whether anything may be fetched from the network.", blank=True),
    "allow_file_writes": Key(Flag(), "Whether files may be written.", blank=True),
    "allow_git_actions": Key(Flag(), "Whether anything may be done on GitHub.", blank=True),
    "allow_sensitive_files": Key(Flag(), "Whether files that look like secrets may be touched.", blank=True),
    "forbidden_tools": Key(ListOf(TEXT, most=10_000), "Tools and categories that may not be used.", blank=True),
    "forbidden_paths": Key(ListOf(TEXT, most=10_000), "Paths that may not be touched.", blank=True),
    "forbidden_flows": Key(ListOf(TEXT, most=10_000), "`A->B`: what may not come after what.", blank=True),
}
AGENT = Shape(
    "agent",
    {
        **CONTROL_KEYS,
        "mode": Key(MODE, "The mode of every rule on runs of these agents."),
        "rules": Key(MapOf(TUNING), "What is different for single rules, by rule id."),
    },
    noun="an agent's entry",
)
SCALAR = ByForm(text=Text(empty=True), number=Number(), flag=Flag())
STEP_KEYS: dict[str, Key] = {
    "user": Key(TEXT, "A message of the user."),
    "system": Key(TEXT, "The system's prompt."),
    "assistant": Key(TEXT, "What the agent said."),
    "call": Key(TEXT, "A tool call, by the tool's name."),
    "llm": Key(TEXT, "A call of a model, by the model's name."),
    "retrieval": Key(TEXT, "A retrieval, by its source's name."),
    "decision": Key(TEXT, "A decision about a call, by the tool's name."),
    "handoff": Key(TEXT, "A hand-off, by the name of the agent it went to."),
    "spawn": Key(TEXT, "An agent's invocation, by its name."),
}
STEP = Shape(
    "step",
    {
        **STEP_KEYS,
        "args": Key(Anything(), "The arguments of a call."),
        "result": Key(Anything(), "What came back."),
        "error": Key(TEXT, "The text of a failure."),
        "status": Key(Text(choices=("ok", "error", "denied", "unknown")), "How it ended; `ok` where absent."),
        "agent": Key(TEXT, "Who did it."),
        "at": Key(LENGTH, "When, from the beginning of the run; one second after the one before where absent."),
        "cost": Key(Number(0), "US dollars."),
        "tokens": Key(Number(0, whole=True), "Tokens that went in."),
        "metadata": Key(MapOf(SCALAR), "What the sender wrote beside it."),
        "id": Key(TEXT, "The call's id."),
        "times": Key(Number(1, 10_000, whole=True), "How often it happens; `{n}` in `args` and `result` counts along."),
    },
    one_of=tuple(STEP_KEYS),
    noun="a step",
)
TEST_RUN = Shape(
    "test_run",
    {
        "agent": Key(TEXT, "Whose run it is."),
        "conversation": Key(TEXT, "The conversation that it belongs to."),
        "at": Key(LENGTH, "When it begins, from the beginning of the first."),
        "cost": Key(Number(0), "What it cost, in US dollars."),
        "metadata": Key(MapOf(SCALAR), "What the sender wrote about the agent."),
        "steps": Key(ListOf(STEP), "What happened.", required=True),
    },
    noun="a run",
)
EXPECTED = Shape(
    "expected",
    {
        "at": Key(Number(0, whole=True), "The event that the finding is on, from 0."),
        "source": Key(Number(0, whole=True), "The event that it came from."),
        "value": Key(TEXT, "Text that is in the evidence."),
        "severity": Key(SEVERITY, "Its severity."),
        "mode": Key(MODE, "Its mode."),
        "times": Key(Number(1, whole=True), "How many findings there are."),
    },
)
TEST = Shape(
    "test",
    {
        "rule": Key(TEXT, "The rule that is tested; every rule of the policy where absent."),
        "name": Key(TEXT, "What the test shows."),
        "agent": Key(TEXT, "Whose run it is."),
        "run": Key(ListOf(STEP), "A run, step by step."),
        "runs": Key(ListOf(TEST_RUN, least=1), "Several runs, one after the other; the last one is judged."),
        "trace": Key(TEXT, "A recorded run: a file beside this one."),
        "expect": Key(
            ByForm(text=Text(choices=("none", "not_evaluable", "finding")), mapping=EXPECTED, list=ListOf(TEXT)),
            "`none`, `finding`, `not_evaluable`, the facts of a finding, or a list of rule ids.",
            required=True,
        ),
    },
    one_of=("run", "runs", "trace"),
    noun="a test",
)


def policy_keys(rule: ValueKind) -> dict[str, Key]:
    """Return the keys of a policy file."""
    return {
        "version": Key(ByForm(text=TEXT, number=Number()), "What findings carry; the digest of the files if absent."),
        "name": Key(TEXT, "What findings call the policy; the file's name where absent."),
        "policy_id": Key(TEXT, "What troy calls the name."),
        "description": Key(Text(empty=True), "For readers."),
        "global_config": Key(Anything(), "What files of troy may hold; it does nothing, there or here.", blank=True),
        "extends": Key(one_or_many(TEXT), "Packs (`pack:NAME`) and files that come before this one.", blank=True),
        "mode": Key(MODE, "The mode of rules that do not say it themselves."),
        **CONTROL_KEYS,
        "lists": Key(MapOf(ListOf(SCALAR, most=10_000)), "Values that conditions know by name.", blank=True),
        "macros": Key(MapOf(EXPRESSION), "Conditions that conditions know by name.", blank=True),
        "classes": Key(MapOf(CLASS), "What events are called; added to what is known already.", blank=True),
        "overrides": Key(MapOf(TUNING), "What is different for single rules, by rule id.", blank=True),
        "agents": Key(MapOf(AGENT), "What is different for runs of some agents, by glob.", blank=True),
        "rules": Key(ListOf(rule, most=10_000), "The rules.", blank=True),
        "tests": Key(ListOf(TEST, most=10_000), "What the rules must and must not find.", blank=True),
    }
