from __future__ import annotations

import pathlib

import pytest

from cli.filled_ledger import fill, rows, run
from spanwarden.storage.ledger.outbox import Outbox


def test_the_outbox_is_listed(tmp_path: pathlib.Path) -> None:
    ledger = fill(tmp_path)
    listed = rows("outbox", "list", "--directory", tmp_path)
    assert [(row["exporter"], row["run"], row["state"]) for row in listed] == [
        ("hook", "old", "pending"),
        ("mail", "old", "dead"),
        ("hook", "new", "pending"),
    ]
    assert listed[1]["error"] == "refused: 400"
    assert listed[0]["next_at"] is None
    assert len(rows("outbox", "list", "--directory", tmp_path, "--state", "dead")) == 1
    assert run("outbox", "list", "--directory", tmp_path).stdout.count("\n") == 4
    ledger.close()


def test_dead_letters_wait_again_while_the_service_runs(tmp_path: pathlib.Path) -> None:
    ledger = fill(tmp_path)
    ledger.look()
    assert rows("outbox", "retry", "--directory", tmp_path, "--exporter", "mail") == [{"action": "retry", "notices": 1}]
    assert ledger.look()
    assert Outbox(ledger).counts() == {("hook", "pending"): 2, ("mail", "pending"): 1}
    assert run("outbox", "retry", "--directory", tmp_path).stdout == "0 notices wait again\n"
    ledger.close()


def test_notices_are_dropped_only_where_it_is_said_which(tmp_path: pathlib.Path) -> None:
    ledger = fill(tmp_path)
    refused = run("outbox", "drop", "--directory", tmp_path)
    assert (refused.returncode, "say what" in refused.stderr) == (2, True)
    assert run("outbox", "drop", "--directory", tmp_path, "--state", "dead").stdout == "1 notices dropped\n"
    assert run("outbox", "drop", "--directory", tmp_path, "--id", "1").stdout == "1 notices dropped\n"
    assert run("outbox", "drop", "--directory", tmp_path, "--all").stdout == "1 notices dropped\n"
    ledger.look()
    assert Outbox(ledger).counts() == {}
    ledger.close()


@pytest.mark.parametrize("arguments", [["forget"], [], ["retry", "--state", "pending"]])
def test_bad_usage_is_exit_2(tmp_path: pathlib.Path, arguments: list[str]) -> None:
    fill(tmp_path).close()
    assert run("outbox", *arguments, "--directory", tmp_path).returncode == 2
