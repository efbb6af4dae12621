"""troy's traces become runs that keep their steps."""

from __future__ import annotations

import json
import pathlib
from typing import Any

import pytest

from spanwarden.transcripts.json_text import TranscriptError
from spanwarden.transcripts.reading import read_runs

STEPS: list[dict[str, Any]] = [
    {"step_id": "s1", "type": "llm_call", "description": "plan", "input": {"prompt": "go"}},
    {
        "step_id": "s2",
        "type": "tool_call",
        "description": "read_file",
        "input": {"path": ".env"},
        "output": {"text": "x"},
        "metadata": {"data_classification": "secret"},
        "timestamp": "2026-01-01T00:00:02Z",
    },
    {"step_id": "s3", "type": "decision", "description": "stop"},
    {"step_id": "s4", "type": "observation", "description": "done"},
]
TRACE = {"trace_id": "tr-1", "agent_name": "clerk", "steps": STEPS, "metadata": {"permission_level": "user"}}


def written(folder: pathlib.Path, value: Any) -> pathlib.Path:
    path = folder / "trace.json"
    path.write_text(json.dumps(value))
    return path


def test_a_trace_is_told_by_its_content(tmp_path: pathlib.Path) -> None:
    ((run, contents),) = read_runs(written(tmp_path, TRACE))
    assert (run.id, run.agent, run.metadata) == ("tr-1", "clerk", {"permission_level": "user"})
    assert [(e.kind, e.tool) for e in run.events] == [
        ("llm_call", None),
        ("tool_call", "read_file"),
        ("decision", None),
        ("message", None),
    ]
    assert {e.kind for e in run.events[1].effects} == {"file_read"}
    assert run.events[1].start == 1_767_225_602_000_000_000
    assert contents[1].arguments == {"path": ".env"}
    assert contents[1].raw["metadata"] == {"data_classification": "secret"}
    assert contents[0].raw["output"] == {}


def test_the_trace_inside_of_a_report_is_read(tmp_path: pathlib.Path) -> None:
    ((run, _),) = read_runs(written(tmp_path, {"trace": TRACE, "violations": [], "risk_score": 0}))
    assert run.id == "tr-1"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"steps": []}, "steps: expected a list of at least one step"),
        ({"steps": [1]}, "step 1: expected a JSON object"),
        ({"steps": [{"step_id": "a", "type": "tool", "description": "d"}]}, "step 1: type: 'tool' is not one of"),
        ({"steps": [{"step_id": "a", "type": "decision"}]}, "step 1: description: expected text, got nothing"),
        ({"steps": [{**STEPS[0], "input": [1]}]}, "step 1: input: expected an object"),
        ({"metadata": 3}, "metadata: expected an object, got 3"),
        ({"agent_name": None}, "agent_name: expected text, got nothing"),
    ],
)
def test_a_trace_that_is_not_one_is_refused_with_its_place(
    tmp_path: pathlib.Path, change: dict[str, Any], said: str
) -> None:
    path = written(tmp_path, {**TRACE, **change})
    with pytest.raises(TranscriptError) as caught:
        list(read_runs(path, "troy"))
    assert said in str(caught.value)
    assert str(path) in str(caught.value)
