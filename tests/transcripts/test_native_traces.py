"""Native trace files and tracegate's generic traces."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanwarden.model.event import Effect, Usage
from spanwarden.transcripts.json_text import TranscriptError
from spanwarden.transcripts.native import read_lines, read_value

PATH = Path("runs/t.json")


def event(value: dict[str, Any]) -> Any:
    return read_value({"events": [value]}, PATH)[0].events[0]


def error(value: Any) -> str:
    with pytest.raises(TranscriptError) as caught:
        read_value(value, PATH)
    return str(caught.value)


def test_run_fields_fall_back_as_in_tracegate() -> None:
    run, _ = read_value({"id": 0, "run_id": "r9", "name": "N", "cost": "0.5", "runtime_minutes": 2.5}, PATH)
    assert (run.id, run.agent, run.cost_usd, run.runtime_seconds, run.events) == ("r9", "N", 0.5, 150.0, ())
    run, _ = read_value({"cost_usd": None, "cost": 3, "runtime_seconds": 0, "runtime_minutes": 5}, PATH)
    assert (run.id, run.agent, run.cost_usd, run.runtime_seconds) == ("t", "unknown", None, 0.0)


def test_an_array_and_lines_are_events_of_an_agent_named_after_the_file() -> None:
    run, _ = read_value([{"type": "shell"}], PATH)
    assert (run.agent, run.cost_usd, len(run.events)) == ("t", None, 1)
    run, _ = read_lines(b'{"type":"file_read","path":"a"}\n\n{"type":"shell","command":"ls"}\n', Path("x.jsonl"))
    assert (run.agent, [e.turn for e in run.events]) == ("x", [1, 2])


def test_event_fields_fall_back_to_input() -> None:
    found = event({"event": "file_read", "name": "Read", "input": {"path": "p", "file_path": "q"}, "turn": "7"})
    assert (found.written.type, found.tool, found.written.path, found.turn) == ("file_read", "Read", "p", 7)
    assert event({"type": "shell", "input": {"command": ["ls", "-l"]}, "turn": 0}).written.command == "['ls', '-l']"
    assert event({"type": "file_read", "input": {"file_path": ".env"}}).written.path is None
    assert event({"type": "file_read", "input": "text"}).written.path is None
    assert event({}).written.type == "unknown"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, "runs/t.json: a trace is a JSON object"),
        ({"events": {}}, "runs/t.json: events: expected a list"),
        ({"events": None}, "runs/t.json: events: expected a list"),
        ({"events": [{}, "x"]}, "runs/t.json: event 2: expected a JSON object"),
        ({"cost_usd": "free"}, "runs/t.json: cost_usd: expected a number, got 'free'"),
        ({"cost_usd": float("nan")}, "cost_usd: expected a finite number"),
        ({"runtime_seconds": [1]}, "runtime_seconds: expected a number"),
        ({"cost_usd": 10**400}, "cost_usd: expected a number"),
        ({"events": [{"turn": ""}]}, "turn: expected a whole number, got ''"),
        ({"events": [{"turn": "x"}]}, "runs/t.json: event 1: turn: expected a whole number, got 'x'"),
        ({"events": [{"turn": float("inf")}]}, "turn: expected a whole number"),
    ],
)
def test_bad_traces_are_named_with_their_place(value: Any, expected: str) -> None:
    assert expected in error(value)


def test_native_events_carry_content_usage_and_status() -> None:
    events = [
        {"type": "message", "role": "user", "text": "Pay the bill"},
        {"type": "tool_call", "tool": "read_file", "input": {"path": "bill.txt"}, "output": "98", "error": None},
        {"type": "tool_call", "tool": "send_money", "input": {"amount": 1}, "error": "refused"},
        {"type": "llm_call", "model": "m", "usage": {"input": 240, "output": 23}, "cost_usd": 0.1},
        {"type": "user_message", "content": [{"type": "text", "text": "a"}, {"text": "b"}]},
    ]
    run, contents = read_value({"conversation": "c", "events": events}, PATH)
    assert [e.kind for e in run.events] == ["message", "tool_call", "tool_call", "llm_call", "message"]
    assert [e.status for e in run.events[1:3]] == ["ok", "error"]
    assert (run.conversation, run.events[0].role, run.events[4].role) == ("c", "user", "user")
    assert run.events[3].usage == Usage(input=240, output=23)
    assert (contents[0].text, contents[4].text) == ("Pay the bill", "a\nb")
    assert (contents[1].arguments, contents[1].result, contents[2].error) == ({"path": "bill.txt"}, "98", "refused")
    assert contents[1].raw == events[1]


def test_effects_come_from_the_words_of_the_event_and_from_its_tool() -> None:
    assert Effect("file_write", "a") in event({"type": "file_edit", "path": "a"}).effects
    assert Effect("network_fetch", "http://x") in event({"type": "webfetch", "url": "http://x"}).effects
    assert event({"type": "tool_call", "tool": "read_file", "input": {"path": "p"}}).effects == (
        Effect("file_read", "p"),
    )
    kinds = {e.kind for e in event({"type": "shell", "command": "cat .env"}).effects}
    assert kinds >= {"shell", "file_read"}
    assert event({"type": "message", "tool": "bash", "text": "ls"}).effects == ()


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        ("OK", "ok"),
        ("0", "ok"),
        ("2", "error"),
        (1, "error"),
        ("failed", "error"),
        ("denied", "denied"),
        ("?", "unknown"),
    ],
)
def test_statuses(status: Any, expected: str) -> None:
    assert event({"type": "tool_call", "tool": "t", "status": status}).status == expected


_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
_WORDS = [
    "type",
    "event",
    "tool",
    "name",
    "input",
    "path",
    "url",
    "command",
    "status",
    "turn",
    "role",
    "text",
    "content",
]
_WORDS += ["output", "error", "usage", "events", "id", "agent", "cost_usd", "runtime_seconds", "start", "message"]
_VALUES = st.recursive(
    _SCALARS | st.sampled_from(["message", "shell", "file_edit", "webfetch", "tool_call", "bash"]),
    lambda children: st.lists(children, max_size=4) | st.dictionaries(st.sampled_from(_WORDS), children, max_size=6),
    max_leaves=25,
)


@given(_VALUES)
@settings(max_examples=400, deadline=None)
def test_any_value_is_a_run_or_an_error(value: Any) -> None:
    message = ""
    try:
        run, contents = read_value({"events": [value]} if isinstance(value, dict) else value, PATH)
        assert len(list(contents)) == len(run.events)
        json.dumps([e.turn for e in run.events])
    except TranscriptError as caught:
        message = str(caught)
    assert "\n" not in message
