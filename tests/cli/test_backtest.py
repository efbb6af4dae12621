"""`spanwarden backtest`: policies on recorded runs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cli.commands import call
from cli.filled_ledger import fill
from spanwarden.reports.backtest import MAX_NAMED, Backtest
from spanwarden.reports.labels import Label, LabelError, label_of, read_labels

SHELL = "rules: [{id: shell, severity: high, when: \"'shell' in effects.kinds\"}]\n"
FETCH = "rules: [{id: fetch, severity: low, when: \"'network_fetch' in effects.kinds\"}, " + SHELL[8:]


def trace(name: str, tool: str, **arguments: str) -> dict[str, Any]:
    return {"id": name, "agent": "Bot", "events": [{"type": "tool_call", "tool": tool, "input": arguments}]}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "shell.yaml").write_text(SHELL)
    (tmp_path / "fetch.yaml").write_text(FETCH)
    (tmp_path / "runs").mkdir()
    for run in (
        trace("one", "Bash", command="ls"),
        trace("two", "fetch_url", url="https://a.example"),
        trace("three", "read_file", path="a"),
    ):
        (tmp_path / "runs" / f"{run['id']}.json").write_text(json.dumps(run))
    return tmp_path


def test_hits_and_cost_of_each_rule(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "backtest", "--policy", "fetch.yaml", "--json", "runs")
    found = json.loads(out)
    assert (code, found["runs"], found["runs_with_findings"]) == (1, 3, 2)
    rules = {rule["rule"]: rule for rule in found["rules"]}
    assert {name: (rule["hits"], rule["runs_per_100"]) for name, rule in rules.items()} == {
        "fetch": (1, 33.33),
        "shell": (1, 33.33),
    }
    assert sum(rule["milliseconds_per_run"] for rule in rules.values()) > 0
    assert found.keys() == {"policy", "runs", "runs_with_findings", "rules"}


def test_exit_codes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "backtest", "--policy", "shell.yaml", "runs/three.json")[0] == 0
    assert call(capsys, "backtest", "--policy", "shell.yaml", "runs/one.json")[0] == 1
    assert call(capsys, "backtest", "--policy", "shell.yaml", "--fail-on", "critical", "runs/one.json")[0] == 0
    (folder / "runs" / "broken.json").write_text("{")
    code, out, err = call(capsys, "backtest", "--policy", "shell.yaml", "runs")
    assert code == 2
    assert "3 runs" in out
    assert "broken.json" in err
    (folder / "fails.yaml").write_text("rules: [{id: a, severity: low, when: 'int(tool) > 1'}]\n")
    assert call(capsys, "backtest", "--policy", "fails.yaml", "runs/one.json")[0] == 2


def test_what_newly_fires_and_what_no_longer_does(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = call(capsys, "backtest", "--policy", "fetch.yaml", "--against", "shell.yaml", "--json", "runs")
    found = json.loads(out)
    assert found["against"] == "shell.yaml"
    assert found["newly_firing"] == {"count": 1, "runs": [{"run": "two", "source": "runs/two.json", "rule": "fetch"}]}
    assert found["no_longer_firing"]["count"] == 0
    _, out, _ = call(capsys, "backtest", "--policy", "shell.yaml", "--against", "fetch.yaml", "runs")
    assert "no longer firing, against fetch.yaml: 1\n  fetch  two  (runs/two.json)" in out


def test_labels_give_precision_and_recall(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "labels.csv").write_text("run,label,rules\none,attack,shell\ntwo.json,benign,\nthree,yes,\n")
    _, out, _ = call(capsys, "backtest", "--policy", "fetch.yaml", "--labels", "labels.csv", "--json", "runs")
    found = json.loads(out)
    whole = found["labels"]
    assert (whole["runs"], whole["true_positives"], whole["false_positives"], whole["false_negatives"]) == (3, 1, 1, 1)
    assert (whole["precision"], whole["recall"]) == (0.5, 0.5)
    rules = {rule["rule"]: (rule["precision"], rule["recall"]) for rule in found["rules"]}
    assert rules == {"fetch": (0.0, 0.0), "shell": (1.0, 0.5)}
    _, out, _ = call(capsys, "backtest", "--policy", "fetch.yaml", "--labels", "labels.csv", "runs")
    assert "labelled runs 3: precision 0.50, recall 0.50" in out


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("id,label\na,1\n", "labels.csv:1: expected the columns"),
        ("run,label\na,perhaps\n", "labels.csv:2: the label 'perhaps'"),
        ("run,label\n,1\n", "labels.csv:2: names no run"),
        ("run,label,colour\na,1,red\n", "labels.csv:1"),
        ("", "labels.csv:1"),
    ],
)
def test_labels_that_cannot_be_read(text: str, said: str, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "labels.csv").write_text(text)
    code, _, err = call(capsys, "backtest", "--policy", "shell.yaml", "--labels", "labels.csv", "runs")
    assert code == 2
    assert said in err


def test_labels_by_id_or_file() -> None:
    labels = read_labels("run,label,rules\nr,1,a b\nx.json,0,\n", "f")
    assert labels == {"r": Label(True, frozenset({"a", "b"})), "x.json": Label(False, None)}
    assert label_of(labels, "r", "some/where.json") == labels["r"]
    assert label_of(labels, "other", "some/x.json") == labels["x.json"]
    assert label_of(labels, "other", "some/y.json") is None
    with pytest.raises(LabelError):
        read_labels("run,label\na\n" + "a,b,c,d\n", "f")


def test_differences_are_counted_beyond_those_that_are_named() -> None:
    from spanwarden.model.finding import Verdict

    tally = Backtest("p", ["a"], against="q")
    for number in range(MAX_NAMED + 5):
        tally.add(f"r{number}", "f", Verdict("p", "1"), before=frozenset({"a"}))
    found = tally.as_json()["no_longer_firing"]
    assert (found["count"], len(found["runs"])) == (MAX_NAMED + 5, MAX_NAMED)
    assert list(tally.text())[-1] == f"  and {MAX_NAMED - 15} more"


def test_of_a_ledger_only_totals_are_judged(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    fill(folder / "data").close()
    (folder / "tight.yaml").write_text("limits: {max_cost_usd: 0.4, max_runtime_minutes: 1}\n" + SHELL)
    (folder / "loose.yaml").write_text("limits: {max_cost_usd: 1}\n")
    code, out, _ = call(
        capsys, "backtest", "--policy", "tight.yaml", "--against", "loose.yaml", "--json", "data", "runs"
    )
    found = json.loads(out)
    assert (code, found["runs"]) == (1, 5)
    rules = {rule["rule"]: (rule["hits"], rule["not_evaluable"]) for rule in found["rules"]}
    assert rules["max-cost-exceeded"] == (2, 0)
    assert rules["max-runtime-exceeded"] == (0, 0)
    assert rules["shell"] == (1, 2)
    newly = {(each["run"], each["rule"]) for each in found["newly_firing"]["runs"] if each["source"] == "data"}
    assert newly == {("old", "max-cost-exceeded"), ("new", "max-cost-exceeded")}
    assert call(capsys, "backtest", "--policy", "loose.yaml", "data/ledger.sqlite")[0] == 0


def test_a_file_that_is_no_ledger_is_one_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "data").mkdir()
    (folder / "data" / "ledger.sqlite").write_bytes(b"no database at all, just some text" * 50)
    code, _, err = call(capsys, "backtest", "--policy", "shell.yaml", "data")
    assert code == 2
    assert "ledger.sqlite" in err
    assert len(err.splitlines()) == 1


def test_captures_are_read_run_by_run(capsys: pytest.CaptureFixture[str]) -> None:
    examples = Path(__file__).parents[2] / "examples" / "runs"
    code, out, _ = call(capsys, "backtest", "--policy", "pack:agent-baseline", "--json", str(examples))
    found = json.loads(out)
    assert code == 1
    assert found["runs"] >= 2
    assert any(rule["runs"] for rule in found["rules"] if rule["rule"] == "injected-instruction-obeyed")


def test_rules_that_only_monitor_fail_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "watch.yaml").write_text("mode: monitor\n" + SHELL)
    code, out, _ = call(capsys, "backtest", "--policy", "watch.yaml", "--json", "runs/one.json")
    found = json.loads(out)
    assert (code, found["runs_with_findings"], found["rules"][0]["runs"]) == (0, 0, 1)
