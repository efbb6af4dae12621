"""`spanwarden import`: a session log becomes a native trace that reads back the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spanwarden.cli.main import main
from spanwarden.transcripts.reading import read_runs

CODEX = [
    {"type": "session_meta", "payload": {"id": "sess-1"}},
    {"type": "event_msg", "payload": {"type": "user_message", "message": "go"}},
    {
        "type": "response_item",
        "payload": {"type": "function_call", "name": "exec_command", "arguments": '{"cmd":"ls"}'},
    },
    {
        "type": "response_item",
        "payload": {"type": "custom_tool_call", "name": "apply_patch", "input": "*** Begin Patch"},
    },
    {
        "type": "response_item",
        "payload": {"type": "function_call", "name": "shell", "arguments": '{"command":["bash","-lc","ls"]}'},
    },
]
CLAUDE = [
    {"type": "user", "sessionId": "c", "message": {"content": "go"}},
    {
        "type": "assistant",
        "message": {
            "content": [
                {"type": "tool_use", "id": "1", "name": "Grep", "input": {"pattern": "x", "path": "src"}},
                {"type": "tool_use", "id": "2", "name": "WebFetch", "input": {"url": "https://x.test"}},
            ]
        },
    },
    {"type": "user", "message": {"content": [{"type": "tool_result", "tool_use_id": "2", "content": "page"}]}},
]


def call(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["import", *arguments])
    return int(ended.value.code or 0)


@pytest.mark.parametrize(("form", "records"), [("codex", CODEX), ("claude", CLAUDE)])
def test_the_trace_reads_back_as_the_same_run(tmp_path: Path, form: Any, records: list[Any]) -> None:
    log, out = tmp_path / "s.jsonl", tmp_path / "run.json"
    log.write_text("\n".join(map(json.dumps, records)))
    assert call(form, str(log), "--out", str(out)) == 0
    ((first, contents),) = read_runs(log, form)
    ((again, same),) = read_runs(out)
    assert (again.id, again.agent, again.conversation) == (first.id, first.agent, first.conversation)
    for old, new in zip(first.events, again.events, strict=True):
        assert old.written is not None
        assert new.written is not None
        told = ("type", "category", "path", "url", "command", "status")
        assert [getattr(new.written, key) for key in told] == [getattr(old.written, key) for key in told]
        assert (new.kind, new.tool, new.role, new.turn, set(new.effects)) == (
            old.kind,
            old.tool,
            old.role,
            old.turn,
            set(old.effects),
        )
    assert [(c.arguments, c.result, c.text) for c in same] == [(c.arguments, c.result, c.text) for c in contents]


def test_standard_output_holds_the_trace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "s.jsonl").write_text("\n".join(map(json.dumps, CODEX)))
    assert call("codex", str(tmp_path / "s.jsonl")) == 0
    value = json.loads(capsys.readouterr().out)
    assert (value["id"], value["agent"], value["cost_usd"]) == ("sess-1", "Codex", None)
    assert value["events"][1] == {
        "type": "tool_call",
        "tool": "shell",
        "turn": 3,
        "input": {"command": "ls"},
    }
    # As with tracegate, `input` has no command where the event has none.
    assert value["events"][3] == {
        "type": "tool_call",
        "tool": "shell",
        "turn": 5,
        "arguments": {"command": ["bash", "-lc", "ls"]},
    }


def test_bad_input_is_one_line_and_exit_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "s.jsonl").write_text("{}\n[]\n")
    for arguments in (("codex", str(tmp_path / "s.jsonl")), ("claude", str(tmp_path)), ("codex", "none"), ("x", "y")):
        assert call(*arguments) == 2
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        assert err.startswith("spanwarden: ")
