"""Anybody may have written a policy: nothing runs, nothing hangs, everything is refused with its place."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from policy.policy_files import call, judged, policy_of
from spanwarden.policy.document import PolicyError

MANY = "rules: [{id: r, LIST}]"


def nested(depth: int) -> str:
    return "{all_of: [a, " * depth + "b" + "]}" * depth


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: &a [x, x]\nb: &b [*a, *a]\nlists: {c: [*b]}\n", "p.yaml:1: a: unknown key"),
        (f"rules: [{{id: r, any_of: [a, {nested(40)}]}}]", "nested"),
        (f"rules: [{{id: r, any_of: [a, {nested(8)}]}}]", "nested more than 4 deep"),
        ("rules: [{id: r, when: 'True'}, {id: r, when: 'True'}]", "is the id of an earlier rule"),
        ("rules: [{id: r, when: 'True', when: 'False'}]", "duplicate key 'when'"),
        ("rules: [{id: r, when: \"__import__('os').system('true')\"}]", "p.yaml:1: rules[0].when"),
        ('rules: [{id: r, when: "().__class__.__base__"}]', "p.yaml:1: rules[0].when"),
        (
            "rules: [{id: r, sequence: [a, {tool: b, where: \"open('/etc/passwd')\"}]}]",
            "p.yaml:1: rules[0].sequence[1]",
        ),
        ("rules: [{id: r, when: \"matches(tool, '(a+)+$(?=b)')\"}]", "lookahead"),
        (f"rules: [{{id: r, detect: {{of: {{tool: {'a' * 300}}}}}}}]", "at most 256 characters"),
        (MANY.replace("LIST", "detect: {of: {tool: [" + "a, " * 1_001 + "]}}"), "more than 1000 entries"),
        (MANY.replace("LIST", "sequence: [" + "a, " * 30 + "]"), "more than"),
        (MANY.replace("LIST", "all_of: [" + "a, " * 30 + "]"), "more than 20 entries"),
        ("tests: [{trace: ../../etc/passwd, expect: none}]", "is outside of the folder"),
        ("!!python/object/apply:os.system [true]", "p.yaml:1: tag"),
    ],
)
def test_it_is_refused_with_its_place(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(PolicyError) as caught:
        policy_of(tmp_path, text)
    assert expected in str(caught.value)
    assert str(caught.value).startswith("p.yaml")
    assert "\n" not in str(caught.value)


def test_a_billion_laughs_are_not_told(tmp_path: Path) -> None:
    laughs = "".join(f"l{n}: &l{n} [{', '.join([f'*l{n - 1}'] * 10)}]\n" for n in range(1, 10))
    with pytest.raises(PolicyError, match=r"p\.yaml:\d+: more than 100000 values once aliases are expanded"):
        policy_of(tmp_path, f"l0: &l0 [x]\n{laughs}")


def test_words_that_yaml_took_for_booleans_are_words(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, "lists: {answers: [no, on, yes]}\nrules: [{id: r, detect: {of: {tool: [no, on]}}}]")
    assert len(judged(policy, call("no"), call("on"), call("yes")).findings) == 2
    assert yaml.safe_load("[no]") == [False]


def test_a_slow_pattern_is_fast(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, "rules: [{id: r, when: \"matches(args.x, '(a+)+$')\"}]")
    assert judged(policy, call("t", x="a" * 50_000 + "!")).findings == ()


def test_a_run_with_too_many_groups_is_an_error_and_no_memory(tmp_path: Path) -> None:
    policy = policy_of(tmp_path, "rules: [{id: r, aggregate: {op: count, by: [args.id], gt: 1}}]")
    verdict = judged(policy, *(call("get", id=number) for number in range(10_001)))
    assert [error.error for error in verdict.rule_errors] == ["GroupLimitError: more than 10000 groups"]
