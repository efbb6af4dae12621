"""tracegate's policy keys, compiled to rules in the order in which that tool reports them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple, TypeAlias, TypeVar

from spanwarden.policy.document import Field, PolicyError
from spanwarden.policy.rules.base import Rule
from spanwarden.policy.rules.category_flows import ForbiddenFlows, flow_from
from spanwarden.policy.rules.controls import (
    SensitiveFilesForbidden,
    file_writes_forbidden,
    git_actions_forbidden,
    network_forbidden,
)
from spanwarden.policy.rules.limits import MaxCost, MaxRuntime, MaxShellCommands
from spanwarden.policy.rules.paths import ForbiddenPaths
from spanwarden.policy.rules.tools import ForbiddenTools
from spanwarden.policy.shapes import CONTROL_KEYS
from spanwarden.policy.shapes import LIMITS as LIMITS_SHAPE

T = TypeVar("T")

LIMITS = tuple(LIMITS_SHAPE.keys)
Dead: TypeAlias = "list[str] | None"
"""Takes what is wrong with each text in a list that can never match; where it is None, such a text is an error."""


class Control(NamedTuple):
    """One rule of tracegate's: the keys that lead to its value, what compiles it, the rule ids of its findings."""

    keys: tuple[str, ...]
    compile: Callable[[Field, Dead], Rule | None]
    rules: tuple[str, ...]


def _number(field: Field) -> float:
    """Read a limit: a number, or a text that is one, as tracegate accepts."""
    value = field.node.value
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            field.fail(f"expected a number, got {value[:60]!r}")
        return Field(field.source, field.key, type(field.node)(number, field.line)).number()
    return field.number()


def _commands(field: Field) -> int:
    """Read a number of commands: a number is cut to a whole one, a text must be one, as with tracegate."""
    value = field.node.value
    if not isinstance(value, str):
        return int(field.number())
    try:
        return int(value)
    except ValueError:
        field.fail(f"expected a whole number, got {value[:60]!r}")


def _limit(rule: Callable[[float], Rule]) -> Callable[[Field, Dead], Rule | None]:
    return lambda field, _: rule(_number(field))


def _unless_allowed(rule: Callable[[], Rule]) -> Callable[[Field, Dead], Rule | None]:
    return lambda field, _: None if field.boolean() else rule()


def _listed(rule: Callable[[tuple[T, ...]], Rule], read: Callable[[Field], T]) -> Callable[[Field, Dead], Rule | None]:
    def compile_list(field: Field, dead: Dead) -> Rule | None:
        entries = []
        for entry in field.entries():
            try:
                entries.append(read(entry))
            except PolicyError as error:
                if dead is None or not isinstance(entry.node.value, str):
                    raise
                dead.append(str(error))
        return rule(tuple(entries)) if entries else None

    return compile_list


def _name(field: Field) -> str:
    text = field.text()
    if not text.strip():
        field.fail("must not be blank")
    return text


CONTROLS: tuple[Control, ...] = (
    Control(("limits", "max_cost_usd"), _limit(MaxCost), ("max-cost-exceeded", "cost-unknown")),
    Control(("limits", "max_runtime_minutes"), _limit(MaxRuntime), ("max-runtime-exceeded", "runtime-unknown")),
    Control(
        ("max_shell_commands",),
        lambda field, _: MaxShellCommands(_commands(field)),
        ("max-shell-commands-exceeded",),
    ),
    Control(("allow_network",), _unless_allowed(network_forbidden), ("network-forbidden",)),
    Control(("allow_file_writes",), _unless_allowed(file_writes_forbidden), ("file-writes-forbidden",)),
    Control(("allow_git_actions",), _unless_allowed(git_actions_forbidden), ("git-actions-forbidden",)),
    Control(("allow_sensitive_files",), _unless_allowed(SensitiveFilesForbidden), ("sensitive-files-forbidden",)),
    Control(("forbidden_tools",), _listed(ForbiddenTools, _name), ("tool-forbidden",)),
    Control(("forbidden_paths",), _listed(ForbiddenPaths, _name), ("path-forbidden",)),
    Control(("forbidden_flows",), _listed(ForbiddenFlows, flow_from), ("flow-forbidden",)),
)
KEYS = frozenset(CONTROL_KEYS)
RULE_IDS = frozenset(rule for control in CONTROLS for rule in control.rules)


def compile_controls(*tops: Mapping[str, Field], dead: Dead = None) -> dict[Control, Rule | None]:
    """Return what the tracegate keys of one file, or of several of which each goes over those before it, come to.

    A key without a value is unset; a control that allows everything has no rule. Raises PolicyError.
    """
    written: dict[Control, Field] = {}
    for top in tops:
        below = top["limits"].mapping() if "limits" in top and not top["limits"].is_null else {}
        for control in CONTROLS:
            place = below.get(control.keys[1]) if len(control.keys) > 1 else top.get(control.keys[0])
            if place is not None and not place.is_null:
                written[control] = place
    return {control: control.compile(written[control], dead) for control in CONTROLS if control in written}
