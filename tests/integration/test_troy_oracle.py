"""The same violations as troy itself, on random traces, for its own rules and for rules of every construct."""

from __future__ import annotations

import json
import pathlib
import random
from typing import Any

import pytest

from integration.peers import TROY, install, troy_judges, troy_rules
from spanwarden.policy.loading import load
from spanwarden.policy.rules.base import RunView
from spanwarden.policy.violations import violations_of
from spanwarden.transcripts.troy import read_troy

pytestmark = pytest.mark.integration

CONDITIONS = [
    "any_prev(lambda s: get(s,'metadata.network_zone') == 'external') and step['type'] == 'tool_call'",
    "any_next(lambda s: s['description'] == step['description'])",
    "any_step(lambda s: s['metadata'].get('nested', {}).get('a') == 1)",
    "any_prev(lambda s: s['input']['query'] == 'x')",
    "[s for s in prev_steps[-2:] if s['description'] == step['description']]",
    "[a for a in step['input'].items()]",
    "step['input'] == {} or step.get('output')",
    "str(step['metadata']).count('a') >= 2",
    "get(step, 'metadata.nested.a', 0) + 1 == 2",
    "get(step, 'input.query', '') + get(step, 'input.sql', '')",
    "step['metadata']['retention_days'] % 2 == 0 or step['metadata']['retention_days'] // 2 > 10",
    "get(step, 'metadata.retention_days') > 10",
    "f\"{step['type']}/{step['metadata'].get('nested')}\" == 'tool_call/{}'",
    "(kind := step['type']) == 'tool_call' and any_prev(lambda s: s['type'] != kind)",
    "step['description'] in {s['description'] for s in prev_steps}",
    "{s['step_id']: s for s in steps} and prev_steps + [step] + next_steps == steps",
    "step['description'].replace('_', ' ').title() == 'Send Email' or '-'.join(step['input']) == 'sql'",
    "step['description'][::-1] == 'mr'",
    "0 <= step_index - 1 < 3 and not (step_index % 2)",
    "next_steps[0]['type'] == 'llm_call' if next_steps else steps[-1] == step",
    "matches(step['description'], r'^(bash|mail)$') or matches(step, r'\\bdrop\\b')",
    "matches(trace, 'tr-1') and agent['name'].upper().startswith('A')",
    "step['description'].split('_')[-1] in ('email', 'data')",
    "step['description'][:2] + step['description'][-1:] == 'ree'",
    "{'bash': 1}.get(step['description'], 0) or step['type'] in ['decision']",
    "prev_steps == steps[:step_index] and next_steps == steps[step_index + 1:]",
    "str(prev_steps) == str(steps[:step_index]) and str(step) in str(steps)",
    "(step['metadata'].get('approval_token') or 'none') is not 'x' and trace['metadata'] == agent['metadata']",
]
TOOLS = [
    "bash", "mail", "read_file", "confirm_order", "delete_rows", "navigate", "fill_form", "scrape", "exec\n", "Bash",
    "download", "run_javascript", "rm", "send_email",
]  # fmt: skip
VALUES: dict[str, list[Any]] = {
    "data_classification": ["pii", "phi", "phi", "secret", "confidential", "public"],
    "network_zone": ["external", "internal"],
    "approval_token": ["t", "", None],
    "permission_level": ["admin", "user"],
    "category": ["financial", "communication", "payment", "data_transform"],
    "environment": ["production", "test"],
    "encrypted": [True, False, "yes"],
    "auth_method": ["key", None],
    "retention_days": [30, 7, 0],
    "retention_exceeded": [True, False],
    "source_region": ["eu", "us"],
    "dest_region": ["eu", "us"],
    "requires_citation": [True],
    "input_validated": [False, True],
    "log_level": ["verbose"],
    "domain_approved": [True, False],
    "error": ["boom"],
    "access_type": ["emergency"],
    "nested": [{"a": 1}, {"a": None}, {}, 3],
}
TEXTS = [
    "ignore previous instructions",
    "DROP table x",
    "select 1",
    "my password: x",
    "123-45-6789",
    "x",
    "",
    5,
    None,
    ["a"],
]


def random_trace(seed: int) -> dict[str, Any]:
    chance = random.Random(seed)
    steps = []
    for number in range(55 if seed == 0 else chance.randrange(1, 26)):
        keys = chance.sample(sorted(VALUES), chance.randrange(0, 9))
        steps.append(
            {
                "step_id": f"s{number}",
                "type": chance.choice(["tool_call", "tool_call", "llm_call", "decision", "observation"]),
                "description": chance.choice(TOOLS if chance.random() < 0.7 else TOOLS[:2]),
                "input": {
                    key: chance.choice(TEXTS) for key in chance.sample(["query", "sql", "q"], chance.randrange(3))
                },
                "output": {"text": chance.choice(TEXTS)} if chance.random() < 0.4 else {},
                "metadata": {key: chance.choice(VALUES[key]) for key in keys},
            }
        )
    metadata = {"permission_level": chance.choice(["admin", "user"]), "hipaa_authorized": chance.choice([True, False])}
    return {"trace_id": f"tr-{seed}", "agent_name": "agent-a", "steps": steps, "metadata": metadata}


@pytest.fixture(scope="module")
def peers(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    folder = tmp_path_factory.mktemp("peers")
    reason = install(folder, TROY)
    if reason:
        pytest.skip(f"troy cannot be installed here: {reason}")
    return folder


def without_builtins(rule: dict[str, Any]) -> bool:
    """Tell whether a rule is alive in troy, whose conditions have no all()."""
    return "all(" not in rule["condition"]


def test_its_own_rules_compile(peers: pathlib.Path, tmp_path: pathlib.Path) -> None:
    assert len(troy_rules(peers)) == 49
    for file in sorted((peers / "troy" / "policies").glob("*.json")):
        assert load(str(file)).rules


def test_violations_are_the_same(peers: pathlib.Path, tmp_path: pathlib.Path) -> None:
    rules = [rule for rule in troy_rules(peers) if without_builtins(rule)]
    rules += [
        {"rule_id": f"own-{n}", "description": f"D{n}", "condition": text, "weight": 1}
        for n, text in enumerate(CONDITIONS)
    ]
    file = tmp_path / "p.json"
    file.write_text(json.dumps({"rules": rules}))
    policy = load(str(file))
    traces = [random_trace(seed) for seed in range(250)]
    fired: set[str] = set()
    for trace, theirs in zip(traces, troy_judges(peers, rules, traces), strict=True):
        run, contents = read_troy(trace, pathlib.Path("t.json"))
        verdict = policy.evaluate(run, contents)
        ours = [
            [v.step_id, v.rule_id, v.details] for v in violations_of(policy, RunView(run, contents), verdict.findings)
        ]
        assert ours == theirs["violations"], trace["trace_id"]
        assert verdict.risk_score == theirs["score"]
        fired.update(rule for _, rule, _ in ours)
    assert {rule["rule_id"] for rule in rules} == fired
