"""Loading policies: files, keys, native rules, errors that name file, line, key and the nearest known key."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanwarden.policy.document import PolicyError
from spanwarden.policy.loading import KNOWN, load
from spanwarden.policy.policy import Policy
from spanwarden.policy.rule_list import SHARED_KEYS

FLOW = "flow: {from: {effect: network_fetch}, to: {effect: shell}, via: order}"


def write(folder: Path, text: str | bytes, name: str = "p.yaml") -> str:
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return name


def loaded(folder: Path, text: str | bytes, name: str = "p.yaml") -> Policy:
    return load(write(folder, text, name), folder=folder)


def error(folder: Path, text: str | bytes, name: str = "p.yaml") -> str:
    with pytest.raises(PolicyError) as caught:
        loaded(folder, text, name)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_tracegate_key_becomes_a_rule_in_that_tools_order(tmp_path: Path) -> None:
    policy = loaded(
        tmp_path,
        "forbidden_flows: [WebFetch->Shell]\nforbidden_paths: ['.env*']\nforbidden_tools: [shell]\n"
        "allow_sensitive_files: false\nallow_git_actions: false\nallow_file_writes: false\nallow_network: false\n"
        "max_shell_commands: 3\nlimits: {max_runtime_minutes: 1, max_cost_usd: '2.5'}\n",
    )
    assert [rule.id for rule in policy.rules] == [
        "max-cost-exceeded",
        "max-runtime-exceeded",
        "max-shell-commands-exceeded",
        "network-forbidden",
        "file-writes-forbidden",
        "git-actions-forbidden",
        "sensitive-files-forbidden",
        "tool-forbidden",
        "path-forbidden",
        "flow-forbidden",
    ]


def test_an_unset_or_permissive_key_makes_no_rule(tmp_path: Path) -> None:
    text = "limits:\nallow_network: true\nforbidden_tools: []\nforbidden_paths:\nmax_shell_commands: null\nrules:\n"
    assert loaded(tmp_path, text).rules == ()
    assert loaded(tmp_path, "# nothing\n").rules == ()
    assert loaded(tmp_path, "{}", "p.json").rules == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\n", "p.yaml:1: a: unknown key"),
        ("\nforbiden_tools: [x]\n", "p.yaml:2: forbiden_tools: unknown key (did you mean forbidden_tools?)"),
        ("limits:\n  max_cost: 1\n", "p.yaml:2: limits.max_cost: unknown key (did you mean max_cost_usd?)"),
        ("max_cost_usd: 1\n", "p.yaml:1: max_cost_usd: unknown key (did you mean limits.max_cost_usd?)"),
        ("allow_network: no\n", "p.yaml:1: allow_network: expected true or false, got 'no'"),
        ("allow_network: 0\n", "p.yaml:1: allow_network: expected true or false, got 0"),
        ("limits: {max_cost_usd: .nan}\n", "p.yaml:1: limits.max_cost_usd: expected a finite number"),
        ("limits: {max_cost_usd: 'nan'}\n", "expected a finite number"),
        ("limits: {max_cost_usd: []}\n", "expected a text or a number, got a list"),
        ("limits: {max_cost_usd: true}\n", "expected a text or a number, got True"),
        ("limits: 3\n", "p.yaml:1: limits: expected a mapping, got 3"),
        ("max_shell_commands: [1]\n", "p.yaml:1: max_shell_commands: expected a text or a number"),
        ("max_shell_commands: '1.9'\n", "p.yaml:1: max_shell_commands: expected a whole number, got '1.9'"),
        ("max_shell_commands: 1e999\n", "expected a finite number"),
        ("forbidden_tools: shell\n", "p.yaml:1: forbidden_tools: expected a list, got 'shell'"),
        ("forbidden_tools:\n- shell\n- true\n", "p.yaml:3: forbidden_tools[1]: expected text, got True"),
        ("forbidden_paths: ['']\n", "forbidden_paths[0]: must not be empty"),
        ("forbidden_flows:\n  - WebFetch Shell\n", "p.yaml:2: forbidden_flows[0]: 'WebFetch Shell' can never match"),
        ("forbidden_flows: ['WebFetch=>Shell']\n", 'can never match: write it as "WebFetch->Shell"'),
        ("forbidden_flows: ['WebFetch \u2192 Shell']\n", "can never match"),
        ("forbidden_flows: ['->Shell']\n", "needs a name on either side"),
        ("forbidden_flows: ['A->B->C']\n", "more than one arrow"),
        ("- a\n", "p.yaml:1: expected a mapping, got a list"),
        ("just words\n", "p.yaml:1: expected a mapping, got 'just words'"),
        ("version: []\n", "p.yaml:1: version: expected a text or a number"),
        ("rules: {}\n", "p.yaml:1: rules: expected a list"),
        ("rules:\n- id: x\n  titel: y\n", "p.yaml:3: rules[0].titel: unknown key (did you mean title?)"),
        (f"rules:\n- title: y\n  severity: low\n  {FLOW}\n", "p.yaml:2: rules[0]: a rule needs 'id'"),
        ("rules:\n- id: x\n  title: y\n  severity: low\n", "p.yaml:2: rules[0]: a rule needs exactly one of aggregate"),
        (f"rules:\n- id: x\n  title: y\n  severity: hihg\n  {FLOW}\n", "p.yaml:4: rules[0].severity: 'hihg' is not"),
        (f"rules:\n- id: X y\n  title: y\n  severity: high\n  {FLOW}\n", "p.yaml:2: rules[0].id: expected an id"),
        (f"rules:\n- id: path-forbidden\n  title: y\n  severity: high\n  {FLOW}\n", "is the id of a built-in rule"),
        (f"rules:\n- id: x\n  title: y\n  severity: high\n  weight: 1.5\n  {FLOW}\n", "whole number from 0 to 100"),
    ],
)
def test_bad_policies_are_named_with_line_and_key(tmp_path: Path, text: str, expected: str) -> None:
    assert expected in error(tmp_path, text)


def test_what_can_never_match_is_passed_over_where_asked_as_tracegate_does(tmp_path: Path) -> None:
    text = "forbidden_tools: [' ', shell]\nforbidden_paths: [' ']\nforbidden_flows:\n- WebFetch=>Shell\n- A->B->C\n"
    (tmp_path / "p.yaml").write_text(text + "agents:\n  x: {forbidden_flows: [A]}\n")
    dead: list[str] = []
    assert [rule.id for rule in load("p.yaml", folder=tmp_path, dead=dead).rules] == ["tool-forbidden"]
    assert [line.partition(" must")[0].partition(" '")[0] for line in dead] == [
        "p.yaml:1: forbidden_tools[0]:",
        "p.yaml:2: forbidden_paths[0]:",
        "p.yaml:4: forbidden_flows[0]:",
        "p.yaml:5: forbidden_flows[1]:",
        "p.yaml:7: agents.x.forbidden_flows[0]:",
    ]
    (tmp_path / "p.yaml").write_text("forbidden_flows: [5]\n")
    with pytest.raises(PolicyError, match="expected text, got 5"):
        load("p.yaml", folder=tmp_path, dead=dead)


def test_a_file_that_cannot_be_read_is_a_policy_error(tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    os.mkfifo(tmp_path / "pipe.yaml")
    for source, expected in {
        "none.yaml": "No such file",
        "folder.yaml": "not a regular file",
        "pipe.yaml": "not a regular file",
        "p.toml": "a policy is a .yaml, .yml or .json file, or pack:NAME",
        "pack:none-such": "no such pack",
        "pack:../loading": "no such pack",
        "nul\0.yaml": "null byte",
    }.items():
        with pytest.raises(PolicyError, match=expected):
            load(source, folder=tmp_path)


def test_a_policy_beyond_the_size_limit_is_refused(tmp_path: Path) -> None:
    assert "larger than" in error(tmp_path, b"#" * ((1 << 20) + 1))


def test_a_json_policy_must_be_json(tmp_path: Path) -> None:
    assert error(tmp_path, "allow_network: false", "p.json").startswith("p.json:1: not JSON")
    assert error(tmp_path, "[]", "p.json") == "p.json:1: expected a mapping, got a list"
    assert len(loaded(tmp_path, '{"allow_network": false}', "p.yaml").rules) == 1


def test_name_and_version_come_from_the_file_or_its_content(tmp_path: Path) -> None:
    given_ = loaded(tmp_path, "name: acme\nversion: 7\n")
    assert (given_.name, given_.version) == ("acme", "7")
    bare = loaded(tmp_path, "allow_network: false\n")
    assert (bare.name, bare.version) == ("p", bare.hash[:12])
    assert bare.hash != loaded(tmp_path, "allow_network: true\n").hash


def test_native_rules_follow_in_file_order_with_their_own_ids(tmp_path: Path) -> None:
    rules = "".join(f"- {{id: {name}, title: T, severity: high, {FLOW}}}\n" for name in ("b-rule", "a-rule"))
    policy = loaded(tmp_path, f"rules:\n{rules}allow_network: false\n")
    assert [rule.id for rule in policy.rules] == ["network-forbidden", "b-rule", "a-rule"]
    assert "'b-rule' is the id of an earlier rule" in error(tmp_path, f"rules:\n{rules}{rules.splitlines()[0]}\n")


def test_every_key_is_documented_with_an_example() -> None:
    text = (Path(__file__).parents[2] / "docs" / "policy.md").read_text()
    missing = [key for key in sorted(KNOWN | SHARED_KEYS) if f"`{key}`" not in text or f"{key}:" not in text]
    assert missing == []


@given(st.binary(max_size=200))
@settings(max_examples=150, deadline=None)
def test_any_bytes_load_or_are_a_policy_error(tmp_path_factory: pytest.TempPathFactory, body: bytes) -> None:
    check_total(tmp_path_factory.mktemp("fuzz"), body)


_KEYS = st.sampled_from([*sorted(KNOWN), "limits", "max_cost_usd", "x", "id", "title", "severity", "flow"])
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(["A->B", "shell", "*", "[", "no", ""]),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(_KEYS, children, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(_KEYS, _VALUES, max_size=6))
@settings(max_examples=250, deadline=None)
def test_any_document_with_known_keys_loads_or_is_a_policy_error(
    tmp_path_factory: pytest.TempPathFactory, value: dict[str, object]
) -> None:
    import yaml

    check_total(tmp_path_factory.mktemp("fuzz"), yaml.safe_dump(value).encode())


def check_total(folder: Path, body: bytes) -> None:
    message = "p.yaml"
    try:
        loaded(folder, body)
    except PolicyError as caught:
        message = str(caught)
    assert message.startswith("p.yaml")
    assert "\n" not in message
