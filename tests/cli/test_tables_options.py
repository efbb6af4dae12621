"""--config and --no-estimates: tools and prices of one's own in the commands that read files."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest

from spanwarden.cli.main import main

SETTINGS = """
processors:
  effects:
    tools: {acme_wipe: file_delete}
    servers: {acme-mail: mail}
  cost: {prices: prices.yaml}
"""


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    trace = {
        "events": [
            {"type": "llm_call", "model": "acme-1", "usage": {"input": 1000000, "output": 0}},
            {"type": "llm_call", "model": "gpt-4o", "usage": {"input": 1000000, "output": 0}},
            {"type": "tool_call", "tool": "acme_wipe", "input": {"path": "a.txt"}},
            {"type": "tool_call", "tool": "acme-mail_send_it", "input": {"to": "x@example.com"}},
        ]
    }
    (tmp_path / "trace.json").write_text(json.dumps(trace), encoding="utf-8")
    (tmp_path / "settings.yaml").write_text(SETTINGS, encoding="utf-8")
    (tmp_path / "prices.yaml").write_text("acme-1: {input: 7, output: 9}\n", encoding="utf-8")
    (tmp_path / "policy.yaml").write_text("limits: {max_cost_usd: 9}\n", encoding="utf-8")
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main(list(arguments))
    printed = capsys.readouterr()
    return int(stopped.value.code or 0), printed.out, printed.err


def events(capsysbinary: pytest.CaptureFixture[bytes], *arguments: str) -> list[dict[str, Any]]:
    with pytest.raises(SystemExit) as stopped:
        main(["events", "--json", *arguments])
    assert not stopped.value.code
    return [json.loads(line) for line in capsysbinary.readouterr().out.splitlines()]


def test_events_reads_tools_and_prices_from_the_settings(
    folder: pathlib.Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    trace = str(folder / "trace.json")
    told = events(capsysbinary, "--config", str(folder / "settings.yaml"), trace)
    assert [(e["cost_usd"], e["cost_source"]) for e in told[:2]] == [(7.0, "estimated"), (2.5, "estimated")]
    assert told[2]["effects"] == [{"kind": "file_write", "target": "a.txt", "detail": "delete"}]
    assert told[3]["effects"] == [{"kind": "message_send", "target": "x@example.com"}]
    plain = events(capsysbinary, trace)
    assert [e["cost_usd"] for e in plain[:2]] == [None, 2.5]
    assert plain[2]["effects"] != told[2]["effects"]


def test_no_estimates_leaves_costs_unknown(folder: pathlib.Path, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    for options in ([], ["--config", str(folder / "settings.yaml")]):
        told = events(capsysbinary, "--no-estimates", *options, str(folder / "trace.json"))
        assert {e["cost_usd"] for e in told} == {None}
    off = events(capsysbinary, "--config", "yaml:processors: {cost: {enabled: false}}", str(folder / "trace.json"))
    assert {e["cost_usd"] for e in off} == {None}


def test_a_cost_limit_is_held_against_an_estimate_and_says_so(
    folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace, policy, settings = (str(folder / name) for name in ("trace.json", "policy.yaml", "settings.yaml"))
    code, out, _ = run(capsys, "check", "--json", "--config", settings, trace, policy)
    (finding,) = json.loads(out)["findings"]
    assert code == 1
    assert finding["rule"] == "max-cost-exceeded"
    assert finding["message"].startswith("The run cost an estimated $9.50 (prices.yaml ")
    code, out, _ = run(capsys, "check", "--json", trace, policy)
    assert (code, json.loads(out)["findings"]) == (0, [])
    code, out, _ = run(capsys, "check", "--json", "--no-estimates", trace, policy)
    assert [finding["rule"] for finding in json.loads(out)["findings"]] == ["cost-unknown"]


def test_inspect_says_that_a_cost_is_an_estimate_and_by_which_prices(
    folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trace, settings = str(folder / "trace.json"), str(folder / "settings.yaml")
    _, out, _ = run(capsys, "inspect", "--config", settings, trace)
    assert "Cost      $9.5, estimated (prices.yaml " in out
    _, out, _ = run(capsys, "inspect", "--json", "--config", settings, trace)
    told = json.loads(out)["run"]
    assert (told["cost_usd"], told["cost_source"]) == (9.5, "estimated")
    assert told["price_table"].startswith("prices.yaml ")


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("processors: {effects: {tools: {acme: file_delte}}}", "'file_delte', did you mean 'file_delete'?"),
        ("processors: {effects: {tools: {acme: [pay, 7]}}}", "acme: unknown action '7'"),
        ("processors: {effects: {tools: {acme: []}}}", "acme: expected an action or a list of actions"),
        ("processors: {effects: {servers: {acme: mial}}}", "acme: unknown subject 'mial', did you mean 'mail'?"),
        ("processors: {effects: {tool: {}}}", "unknown key 'tool', did you mean 'tools'?"),
        ("processors: {cost: {prices: none.yaml}}", "processors.cost.prices: none.yaml: No such file or directory"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", ["events", "inspect"])
def test_bad_settings_are_one_line_and_exit_2(
    command: str, settings: str, said: str, folder: pathlib.Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code, out, err = run(capsys, command, "--config", f"yaml:{settings}", str(folder / "trace.json"))
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert said in err
