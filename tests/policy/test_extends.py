"""Policies that build on others: what adds up, what goes over what, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from policy.policy_files import call, judged, places, policy_of
from spanwarden.policy.document import PolicyError

BASE = """
name: base
mode: monitor
limits: {max_cost_usd: 5, max_runtime_minutes: 1}
lists: {ours: [a.example]}
classes: {secretive: {tool: vault}}
macros: {mine: "tool == 'base'"}
rules:
- {id: listed, when: "tool == 'get' and domain(args.url) not in ours"}
- {id: classy, detect: {of: {class: secretive}}}
- {id: own-macro, when: mine}
"""


def write(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_rules_add_up_and_names_are_shared(tmp_path: Path) -> None:
    write(tmp_path, "base.yaml", BASE)
    text = """
extends: base.yaml
limits: {max_cost_usd: 20}
lists: {ours: [b.example]}
classes: {secretive: [{tool: safe}]}
macros: {mine: "tool == 'mine'"}
rules:
- {id: new, mode: enforce, when: mine}
"""
    policy = policy_of(tmp_path, text)
    assert (policy.name, len(policy.files)) == ("p", 2)
    assert [rule.id for rule in policy.rules] == [
        "max-cost-exceeded", "max-runtime-exceeded", "listed", "classy", "own-macro", "new"
    ]  # fmt: skip
    calls = [
        call("get", url="https://a.example"),
        call("get", url="https://b.example"),
        call("get", url="https://c.example"),
        call("vault"),
        call("safe"),
        call("base"),
        call("mine"),
    ]
    verdict = judged(policy, *calls, cost_usd=10.0, runtime_seconds=1)
    assert [(f.rule, f.evidence[0].event, f.mode) for f in verdict.findings] == [
        ("listed", 2, "monitor"),
        ("classy", 3, "monitor"),
        ("classy", 4, "monitor"),
        ("own-macro", 5, "monitor"),
        ("new", 6, "enforce"),
    ]


def test_a_pack_is_built_upon_and_tuned(tmp_path: Path) -> None:
    text = "extends: ['pack:agent-baseline']\noverrides: {secret-leaves: {enabled: false}}\n"
    policy = policy_of(tmp_path, text)
    assert len(policy.rules) == len(policy_of(tmp_path, "extends: 'pack:agent-baseline'\n").rules)
    assert policy.name == "p"


def test_a_file_that_comes_twice_counts_once(tmp_path: Path) -> None:
    write(tmp_path, "base.yaml", BASE)
    write(tmp_path, "left.yaml", "extends: base.yaml\n")
    write(tmp_path, "right.yaml", "extends: [./base.yaml]\n")
    policy = policy_of(tmp_path, "extends: [left.yaml, right.yaml]\n")
    assert [rule.id for rule in policy.rules].count("listed") == 1


def test_the_digest_is_of_all_files(tmp_path: Path) -> None:
    write(tmp_path, "base.yaml", BASE)
    before = policy_of(tmp_path, "extends: base.yaml\n").version
    write(tmp_path, "base.yaml", BASE + "# more\n")
    assert policy_of(tmp_path, "extends: base.yaml\n").version != before


def test_a_folder_below_is_inside(tmp_path: Path) -> None:
    write(tmp_path, "team/base.yaml", "extends: more.yml\n")
    write(tmp_path, "team/more.yml", "forbidden_tools: [a]\n")
    assert places(judged(policy_of(tmp_path, "extends: team/base.yaml\n"), call("a"))) == [[0]]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\nextends: none.yaml\n", "p.yaml:2: extends: none.yaml: No such file"),
        ("\nextends: [p.yaml]\n", "p.yaml:2: extends[0]: 'p.yaml' extends this file in turn: a circle"),
        ("extends: round.yaml\n", "round.yaml:1: extends: 'p.yaml' extends this file in turn"),
        ("extends: ../out.yaml\n", "p.yaml:1: extends: '../out.yaml' is outside of the folder"),
        ("extends: /etc/passwd.yaml\n", "is outside of the folder"),
        ("extends: link.yaml\n", "is outside of the folder"),
        ("extends: notes.txt\n", "is no .yaml, .yml or .json file"),
        ("extends: 'pack:nobody'\n", "p.yaml:1: extends: pack:nobody: no such pack"),
        ("extends: bad.yaml\n", "bad.yaml:2: rulez: unknown key (did you mean rules?)"),
        ("extends: deep0.yaml\n", "more than 8 deep"),
        ("extends: 7\n", "expected text, got 7"),
        ("extends: [base.yaml]\nrules: [{id: classy, when: 'True'}]\n", "is the id of a rule in base.yaml:10"),
        ("extends: 'nul\\0.yaml'\n", "p.yaml:1: extends"),
    ],
)
def test_what_is_refused_names_its_line(tmp_path: Path, text: str, expected: str) -> None:
    folder = tmp_path / "policies"
    write(tmp_path, "out.yaml", "forbidden_tools: [a]\n")
    write(folder, "base.yaml", BASE)
    write(folder, "round.yaml", "extends: p.yaml\n")
    write(folder, "bad.yaml", "\nrulez: []\n")
    (folder / "link.yaml").symlink_to(tmp_path / "out.yaml")
    for number in range(9):
        write(folder, f"deep{number}.yaml", f"extends: deep{number + 1}.yaml\n")
    with pytest.raises(PolicyError) as caught:
        policy_of(folder, text)
    assert expected in str(caught.value)


def test_a_class_that_leads_back_to_itself_is_refused(tmp_path: Path) -> None:
    text = "classes: {a1: {class: b1}, b1: {class: a1}}\nrules: [{id: r, detect: {of: {class: a1}}}]\n"
    with pytest.raises(PolicyError, match="is defined by itself"):
        policy_of(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("classes: {A: {tool: x}}\n", "expected a name of lower-case letters"),
        ("classes: {a: {tol: x}}\n", "did you mean tool?"),
        ("lists: {a: x}\n", "expected a list"),
        ("lists: {a: [[x]]}\n", "expected a text or a number or true or false, got a list"),
        ("lists: {a: [x]}\nmacros: {a: 'True'}\n", "is the name of a list, too"),
        ("macros: {a: 7}\n", "expected text, got 7"),
        ("agents: {a: {rules: {nobody: {mode: monitor}}}}\n", "is no rule of this policy"),
        ("agents: {a: {limit: {}}}\n", "did you mean limits?"),
        ("mode: off\n", "is not one of enforce, monitor"),
    ],
)
def test_mistakes_in_names_are_named(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(PolicyError, match=r"^p\.yaml:\d") as caught:
        policy_of(tmp_path, text)
    assert expected in str(caught.value)
