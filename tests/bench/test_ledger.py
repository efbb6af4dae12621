"""The bench of the ledger: what it measures is written and delivered."""

from __future__ import annotations

import pathlib

from bench.ledger import ROUTES, decide, delivering, judged
from spanwarden.storage.ledger.ledger import Ledger
from spanwarden.storage.ledger.outbox import Outbox


def test_each_run_has_two_findings_and_everybody_is_told(tmp_path: pathlib.Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.open(1)
    decide(ledger, [judged(number) for number in range(3)])
    assert Outbox(ledger).counts() == {(route.exporter, "pending"): 9 for route in ROUTES}
    ledger.close()
    assert delivering(tmp_path, 2) > 0
    ledger.open(1)
    assert Outbox(ledger).counts() == {("console", "pending"): 9, ("webhook", "pending"): 9}
    ledger.close()
