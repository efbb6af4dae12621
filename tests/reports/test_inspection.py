"""Addresses without what may be secret in them; counts of telemetry."""

from __future__ import annotations

import pytest

from spanwarden.model.event import Content, Effect, Event
from spanwarden.model.finding import Verdict
from spanwarden.model.run import Run
from spanwarden.reports.inspection import bare_url, inspection_json
from spanwarden.reports.native_trace import native_trace
from spanwarden.transcripts.entries import HeldContents

RUN = Run(
    "r",
    (
        Event("llm_call", "ok", model="m"),
        Event("tool_call", "ok", tool="bash", effects=(Effect("shell", "curl u"), Effect("network_fetch", "u"))),
        Event("tool_call", "denied", tool="write", effects=(Effect("file_write", "a"),), span_id=b"\x01" * 8),
    ),
)
CONTENTS = HeldContents([Content(text="hi"), Content(arguments={"command": "curl u"}, result=float("inf")), Content()])


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.test/x", "https://a.test/x"),
        ("https://u:p@a.test:8/x?k=v#f", "https://a.test:8/x?[redacted]"),
        ("just words", "just words"),
        ("http://[broken", "[redacted]"),
    ],
)
def test_addresses_lose_user_query_and_fragment(url: str, expected: str) -> None:
    assert bare_url(url) == expected


def test_telemetry_is_counted_by_what_it_did() -> None:
    found = inspection_json(RUN, CONTENTS, Verdict("p", "1"), include_raw=True)
    assert found["tool_counts"] == {"llm_call": 1, "WebFetch": 1, "write": 1}
    assert (found["shell_commands"], found["network_fetches"], found["files_written"]) == (1, 1, 0)
    events = found["run"]["events"]
    assert (events[1]["command"], events[2]["span_id"]) == ("curl u", "01" * 8)
    assert events[1]["raw"] == {"arguments": {"command": "curl u"}, "result": None}


def test_telemetry_is_written_as_a_native_trace() -> None:
    value = native_trace(RUN, CONTENTS)
    assert "conversation" not in value
    assert value["events"][1]["input"] == {"command": "curl u"}
    assert [event["type"] for event in value["events"]] == ["llm_call", "tool_call", "tool_call"]
    assert value["events"][2]["path"] == "a"
