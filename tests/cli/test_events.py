"""`spanwarden events` on captures: what it prints is what the contract says, and goldens keep it so."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
from typing import Any

import pytest

from spanwarden.cli.main import main
from spanwarden.dialects.registry import DIALECTS

CORPUS = pathlib.Path(__file__).parents[1] / "corpus" / "otlp"
GOLDEN = tuple(sorted(expected.parent.name for expected in CORPUS.glob("*/events.expected")))
"""To add a capture, put it in a folder with an empty `events.expected` and run with `--update`."""
KEYS = {
    "run", "conversation", "index", "kind", "agent", "tool", "model", "status", "start", "end", "effects", "usage",
    "cost_usd", "cost_source", "arguments", "result", "text", "trace_id", "span_id", "dialect",
}  # fmt: skip


def run(capsysbinary: pytest.CaptureFixture[bytes], *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as stopped:
        main(["events", *arguments])
    printed = capsysbinary.readouterr()
    return int(stopped.value.code or 0), printed.out.decode(), printed.err.decode()


def events(capsysbinary: pytest.CaptureFixture[bytes], name: str) -> list[dict[str, Any]]:
    # Prices change with the version of their table.
    code, out, err = run(capsysbinary, "--json", "--no-estimates", str(CORPUS / name))
    assert (code, err) == (0, "")
    return [json.loads(line) for line in out.splitlines()]


@pytest.mark.parametrize("name", GOLDEN)
def test_a_capture_gives_the_expected_events(
    name: str, capsysbinary: pytest.CaptureFixture[bytes], update: bool
) -> None:
    golden = CORPUS / name / "events.expected"
    # Prices change with the version of their table.
    code, out, err = run(capsysbinary, "--json", "--no-estimates", str(CORPUS / name))
    assert (code, err) == (0, "")
    if update:
        changed = not golden.exists() or golden.read_text() != out
        golden.write_text(out)
        pytest.fail(f"{golden.name} of {name} {'rewritten' if changed else 'is unchanged'}: run without --update")
    assert [json.loads(line) for line in out.splitlines()] == [
        json.loads(line) for line in golden.read_text().splitlines()
    ]


@pytest.mark.parametrize("name", GOLDEN)
def test_every_event_has_the_keys_of_the_contract(name: str, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    told = events(capsysbinary, name)
    assert told
    for event in told:
        assert event.keys() >= KEYS
        assert event["status"] in {"ok", "error", "denied", "unknown"}
        assert event["end"] >= event["start"] > 0
    for each in {event["run"] for event in told}:
        own = [event for event in told if event["run"] == each]
        assert [event["index"] for event in own] == list(range(len(own)))
        assert [event["start"] for event in own] == sorted(event["start"] for event in own)


def test_one_tool_call_through_three_layers_is_one_event(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    told = events(capsysbinary, "otel-genai__openai-agents__mcp_pr__mcp-server-traced")
    called = [e for e in told if e["kind"] == "tool_call"]
    assert [e["tool"] for e in called] == ["get_issue", "read_file", "create_pull_request"]
    assert all(e["call_id"] for e in called), "the execution has no call id; the request in the messages has"
    assert called[0]["arguments"] == {"owner": "acme", "repo": "shop", "number": 12}


def test_an_agent_used_as_a_tool_is_a_handoff(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    told = events(capsysbinary, "otel-genai__openai-agents__multi_agent__agent-as-tool")
    assert [e["tool"] for e in told if e["kind"] == "handoff"] == ["researcher"]
    assert {e["agent"] for e in told if e["kind"] == "tool_call"} == {"researcher"}


def test_tools_told_only_by_log_messages_are_events(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    told = events(capsysbinary, "otel-openai-v2__openai__web_injection")
    called = [e for e in told if e["kind"] == "tool_call"]
    assert [(e["tool"], e["status"]) for e in called] == [("web_fetch", "ok"), ("run_shell", "ok")]
    assert called[1]["effects"][0]["kind"] == "shell"


def test_the_table_is_plain_text_without_control_characters(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    code, out, err = run(capsysbinary, str(CORPUS / "strands__native__web_injection"))
    assert (code, err) == (0, "")
    assert "web_fetch" in out
    assert "network_fetch" in out
    assert "\x1b" not in out


@pytest.mark.parametrize(
    ("content", "named"), [(b"\xff\xff\xff", "001.traces.binpb"), (b"\x0a\x05abc", "001.traces.binpb")]
)
def test_a_broken_file_is_one_line_and_exit_2(
    content: bytes, named: str, tmp_path: pathlib.Path, capsysbinary: pytest.CaptureFixture[bytes]
) -> None:
    (tmp_path / named).write_bytes(content)
    code, out, err = run(capsysbinary, "--json", str(tmp_path))
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert named in err


def test_a_missing_file_and_an_unknown_format_are_one_line(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    code, _, err = run(capsysbinary, "no-such-file.binpb")
    assert code == 2
    assert err == "spanwarden: no-such-file.binpb: no such file or folder\n"
    code, _, err = run(capsysbinary, "--format", "otpl", str(CORPUS / GOLDEN[0]))
    assert code == 2
    assert "did you mean otlp?" in err


def test_json_output_starts_without_rich() -> None:
    code = (
        "import sys\nfrom spanwarden.cli.main import main\n"
        f"try:\n    main(['events', '--json', '--no-estimates', {str(CORPUS / GOLDEN[0])!r}])\n"
        "except SystemExit as stop:\n    assert not stop.code\n"
        "assert not {'rich', 'grpc', 'pydantic', 'yaml'} & set(sys.modules), sorted(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_dialect_has_a_capture_with_its_expected_events():
    shown = {
        json.loads(line)["dialect"]
        for file in CORPUS.glob("*/events.expected")
        for line in file.read_text("utf-8").splitlines()
    }
    assert {dialect.name for dialect in DIALECTS} - shown == set()
