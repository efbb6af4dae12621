"""Rules over several runs find with a ledger, opened anew for every run, what they find with a state in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from spanwarden.policy.inline_tests import InlineTest
from spanwarden.policy.loading import load
from spanwarden.policy.state import MemoryState
from spanwarden.policy.written_runs import runs_of
from spanwarden.service.history import History
from spanwarden.service.metrics import Telemetry
from spanwarden.storage.ledger.history import write
from spanwarden.storage.ledger.ledger import Ledger

POLICY = load(str(Path(__file__).parents[2] / "examples" / "policies" / "twelve.yaml"))
SEVERAL = [test for test in POLICY.tests if len(test.runs) > 1]


@pytest.mark.parametrize("test", SEVERAL, ids=[f"{test.rule}-{number}" for number, test in enumerate(SEVERAL)])
def test_a_ledger_knows_what_memory_knows(test: InlineTest, tmp_path: Path) -> None:
    memory = MemoryState()
    for run, contents in runs_of(test.runs):
        ledger = Ledger(tmp_path)
        ledger.open(0)
        history = History(ledger, Telemetry())
        history.begin(run.id)
        verdict = POLICY.evaluate(run, contents, state=history)
        with ledger.writing() as connection:
            write(connection, run.id, history.learned(), whole=True)
        ledger.close()
        expected = POLICY.evaluate(run, contents, state=memory)
        assert [each.finding_id for each in verdict.findings] == [each.finding_id for each in expected.findings]
        assert verdict.not_evaluable == expected.not_evaluable
        assert verdict.rule_errors == ()


def test_there_are_rules_that_look_at_several_runs() -> None:
    rules = {"new-payee-from-document", "bulk-read-drip", "tenant-burn", "poisoned-memory", "tool-rug-pull"}
    assert {test.rule for test in SEVERAL} == rules
