"""Session logs of Codex and Claude Code, and telling formats apart."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanwarden.model.event import Effect
from spanwarden.transcripts.claude import read_claude
from spanwarden.transcripts.codex import read_codex
from spanwarden.transcripts.json_text import TranscriptError
from spanwarden.transcripts.reading import read_runs, traces

PATH = Path("s.jsonl")


def lines(*records: Any) -> bytes:
    return "\n".join(map(json.dumps, records)).encode()


def item(payload: Any, at: str | None = None) -> dict[str, Any]:
    return {"type": "response_item", "payload": payload, **({"timestamp": at} if at else {})}


CODEX = lines(
    {"timestamp": "2026-01-02T03:04:05Z", "type": "session_meta", "payload": {"id": "sess-1"}},
    item({"type": "message", "role": "developer", "content": [{"text": "be safe"}]}),
    item({"type": "function_call", "name": "exec_command", "call_id": "c1", "arguments": '{"cmd": "cat .env"}'}),
    item({"type": "function_call_output", "call_id": "c1", "output": "TOKEN=1"}, "2026-01-02T03:05:05"),
    item({"type": "function_call", "name": "update_plan", "arguments": "not json"}),
    item({"type": "custom_tool_call", "name": "apply_patch", "input": "*** Begin Patch\n*** Update File: .env\n"}),
    item({"type": "reasoning"}),
    {"type": "compacted", "payload": "text"},
    {"timestamp": "bad", "type": "event_msg", "payload": {"type": "agent_message", "message": "done"}},
)

CLAUDE = lines(
    {"type": "summary", "summary": "s"},
    {"type": "user", "sessionId": "cs-1", "timestamp": "2026-03-01T10:00:00.000Z", "message": {"content": "do it"}},
    {
        "type": "assistant",
        "timestamp": "2026-03-01T10:00:30Z",
        "message": {
            "model": "m",
            "content": [
                {"type": "text", "text": "ok"},
                {"type": "tool_use", "id": "t0", "name": "Bash", "input": {"command": "npm test"}},
                {"type": "tool_use", "id": "t1", "name": "Read", "input": {"file_path": "/w/.env"}},
                {"type": "tool_use", "id": "t2", "name": "WebFetch", "input": {"url": "https://x.test"}},
                {"type": "tool_use", "name": "mcp__playwright__browser_navigate", "input": {"url": "https://y.test"}},
                {"type": "tool_use", "name": "Edit", "input": "broken"},
            ],
        },
    },
    {
        "type": "user",
        "message": {
            "content": [
                {"type": "tool_result", "tool_use_id": "t0", "content": "no tests", "is_error": True},
                {"type": "tool_result", "tool_use_id": "t1", "content": [{"type": "text", "text": "KEY=1"}]},
                {"type": "tool_result", "tool_use_id": "unknown", "content": "x"},
            ]
        },
    },
    {"type": "attachment", "attachment": {"type": "queued_command", "command": "make", "exitCode": 2}},
    {"type": "attachment", "attachment": {"type": "edited_text_file", "filePath": "d.py"}},
    {"type": "attachment", "attachment": {"type": "image"}},
    {"type": "cost-state", "totalCostUSD": 0.25},
)


def test_codex_records_become_events_with_their_answers() -> None:
    run, contents = read_codex(CODEX, PATH)
    assert (run.id, run.agent, run.conversation, run.cost_usd, run.runtime_seconds) == (
        "sess-1",
        "Codex",
        "sess-1",
        None,
        60.0,
    )
    assert [(e.written.type, e.tool, e.turn) for e in run.events if e.written] == [
        ("developer_message", None, 2),
        ("tool_call", "shell", 3),
        ("tool_call", "update_plan", 5),
        ("file_edit", "apply_patch", 6),
        ("message", None, 9),
    ]
    assert run.events[1].written is not None
    assert run.events[1].written.command == "cat .env"
    assert (contents[1].arguments, contents[1].result) == ({"command": "cat .env"}, "TOKEN=1")
    assert contents[2].arguments == {}
    assert Effect("file_write", ".env") in run.events[3].effects
    assert (contents[4].text, run.events[4].role) == ("done", "assistant")


def test_claude_records_become_events_with_their_results() -> None:
    run, contents = read_claude(CLAUDE, PATH)
    assert (run.id, run.agent, run.cost_usd, run.runtime_seconds) == ("cs-1", "Claude Code", 0.25, 30.0)
    assert [(e.written.type, e.tool, e.turn) for e in run.events if e.written] == [
        ("user_message", None, 2),
        ("assistant_message", None, 3),
        ("tool_call", "shell", 3),
        ("file_read", "Read", 3),
        ("tool_call", "WebFetch", 3),
        ("network_fetch", "mcp__playwright__browser_navigate", 3),
        ("file_edit", "Edit", 3),
        ("user_message", None, 4),
        ("tool_call", "shell", 5),
        ("file_edit", None, 6),
    ]
    assert (run.events[2].status, contents[2].error) == ("error", "no tests")
    assert (run.events[3].status, contents[3].result) == ("ok", "KEY=1")
    assert Effect("network_fetch", "https://x.test") in run.events[4].effects
    assert run.events[8].status == "error"


@pytest.mark.parametrize("read", [read_codex, read_claude])
def test_a_record_that_is_no_object_is_named_by_its_line(read: Any) -> None:
    with pytest.raises(TranscriptError, match=r"s\.jsonl:3: .* one JSON object a line"):
        read(b'{}\n\n"x"\n', PATH)
    assert read(b"", PATH)[0].events == ()


@pytest.mark.parametrize(("body", "agent"), [(CODEX, "Codex"), (CLAUDE, "Claude Code"), (b'{"type":"shell"}', "s")])
def test_formats_are_told_from_the_content(tmp_path: Path, body: bytes, agent: str) -> None:
    (tmp_path / "s.jsonl").write_bytes(body)
    ((run, _),) = read_runs(tmp_path / "s.jsonl")
    assert run.agent == agent


def test_an_explicit_format_wins(tmp_path: Path) -> None:
    (tmp_path / "s.jsonl").write_bytes(CODEX)
    ((run, _),) = read_runs(tmp_path / "s.jsonl", "generic")
    assert (run.agent, len(run.events)) == ("s", 9)


def test_a_folder_of_transcripts_is_many_traces_in_name_order(tmp_path: Path) -> None:
    for name in ("b.json", "a.jsonl", "traces-of-c.json", "notes.txt"):
        (tmp_path / name).write_text('{"type":"shell"}' if name.endswith("l") else '{"events": []}')
    assert [t.path.name for t in traces(tmp_path, None)] == ["a.jsonl", "b.json", "traces-of-c.json"]
    assert [run.agent for run, _ in read_runs(tmp_path)] == ["a", "unknown", "unknown"]


def test_a_folder_of_otlp_is_one_stream(tmp_path: Path) -> None:
    span = {
        "traceId": "0af7651916cd43dd8448eb211c80319c",
        "spanId": "b7ad6b7169203331",
        "name": "execute_tool read_file",
        "startTimeUnixNano": "1",
        "endTimeUnixNano": "2",
        "attributes": [
            {"key": "gen_ai.operation.name", "value": {"stringValue": "execute_tool"}},
            {"key": "gen_ai.tool.name", "value": {"stringValue": "read_file"}},
        ],
    }
    body = {"resourceSpans": [{"scopeSpans": [{"scope": {"name": "s"}, "spans": [span]}]}]}
    (tmp_path / "001.json").write_text(json.dumps(body))
    assert [(t.path, t.format) for t in traces(tmp_path, None)] == [(tmp_path, "otlp")]
    ((run, _),) = read_runs(tmp_path)
    assert [(e.kind, e.tool) for e in run.events] == [("tool_call", "read_file")]
    ((same, _),) = read_runs(tmp_path / "001.json")
    assert same.events == run.events


def test_what_holds_no_trace_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(TranscriptError, match="no trace"):
        list(read_runs(tmp_path))
    (tmp_path / "x.binpb").write_bytes(b"\xff\xff\xff")
    with pytest.raises(TranscriptError, match=r"x\.binpb: "):
        list(read_runs(tmp_path / "x.binpb"))
    (tmp_path / "y.json").write_text('{"resourceSpans": 5}')
    with pytest.raises(TranscriptError, match=r"y\.json"):
        list(read_runs(tmp_path / "y.json"))
    with pytest.raises(FileNotFoundError):
        list(read_runs(tmp_path / "none.json"))


_KEYS = ["type", "payload", "timestamp", "message", "content", "attachment", "input", "name", "id", "role", "arguments"]
_KEYS += ["sessionId", "tool_use_id", "call_id", "output", "command", "file_path", "text", "is_error", "exitCode"]
_TEXTS = ["function_call", "message", "assistant", "user", "tool_use", "tool_result", "attachment", "queued_command"]
_TEXTS += ["exec_command", "apply_patch", "custom_tool_call", "session_meta", "Bash", "Read", "2026-01-01T00:00:00Z"]
_RECORDS = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**20) | st.sampled_from(_TEXTS) | st.text(max_size=5),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.sampled_from(_KEYS), children, max_size=6),
    max_leaves=25,
)


@given(st.lists(_RECORDS, max_size=5))
@settings(max_examples=300, deadline=None)
def test_any_records_are_a_run_or_an_error(found: list[Any]) -> None:
    for read in (read_codex, read_claude):
        message = ""
        try:
            run, contents = read(lines(*found), PATH)
            assert len(list(contents)) == len(run.events)
        except TranscriptError as caught:
            message = str(caught)
        assert "\n" not in message
