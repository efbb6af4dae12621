"""The body of an event's content is the same however few of its records are read for it."""

from __future__ import annotations

import json
import pathlib

import pytest

from dialects.payloads import Span, spans
from spanwarden.dialects.reading import ContentReader, EventContents, observe
from spanwarden.model.event import Content, ContentRef
from spanwarden.runs.windows import Windows, WindowSettings
from spanwarden.transcripts.otlp_runs import read_otlp

CORPUS = pathlib.Path(__file__).parents[1] / "corpus" / "otlp"
CHAT = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "m",
    "gen_ai.output.messages": json.dumps(
        [{"role": "assistant", "parts": [{"type": "tool_call", "id": "c1", "name": "f", "arguments": {"n": 1}}]}]
    ),
}
CALL = {
    "gen_ai.operation.name": "execute_tool",
    "gen_ai.tool.name": "f",
    "gen_ai.tool.call.id": "c1",
    "gen_ai.tool.call.arguments": '{"n": 1}',
    "gen_ai.tool.call.result": "done",
}


class Counting(ContentReader):
    loads = 0

    def load(self, ref: ContentRef, *, metadata: bool = True) -> Content | None:
        self.loads += 1
        return super().load(ref, metadata=metadata)


def test_records_beyond_what_a_call_needs_are_not_read_again() -> None:
    request = spans("any", Span("chat", 1, attributes=CHAT), Span("call", 2, attributes=CALL, start=1011, end=1020))
    windows = Windows(WindowSettings())
    windows.add(observe(request, 0), 0.0)
    (decision,) = windows.close(1.0)
    events = decision.run.events
    (index,) = [index for index, event in enumerate(events) if event.kind == "tool_call"]
    assert len(events[index].content) == 2
    reader = Counting(lambda _: request)
    assert EventContents(events, reader).body(index) == Content(arguments={"n": 1}, result="done")
    assert reader.loads == 1


@pytest.mark.parametrize("folder", sorted(CORPUS.iterdir()), ids=lambda folder: folder.name)
def test_bodies_of_captures_are_their_contents_without_metadata(folder: pathlib.Path) -> None:
    for run, contents in read_otlp(sorted(folder.glob("*.binpb")) or sorted(folder.glob("*.json*"))):
        for index in range(len(run.events)):
            body, whole = contents.body(index), contents[index]
            assert body.metadata is None or body == whole
            assert (body.arguments, body.result, body.text) == (whole.arguments, whole.result, whole.text)
            assert body.error == whole.error or run.events[index].status == "ok"
