"""OTLP files as runs, in the order in which the runs began."""

from __future__ import annotations

import json
import pathlib
import shutil

import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from spanwarden.otlp.files import FileError
from spanwarden.transcripts.otlp_runs import read_otlp

CORPUS = pathlib.Path(__file__).parents[1] / "corpus" / "otlp"
ONE = CORPUS / "otel-genai__agno__web_injection"
MANY = CORPUS / "openllmetry__openai-agents__multi_turn"


def tools(path: pathlib.Path) -> list[tuple[str | None, str, object]]:
    return [
        (event.tool, event.status, contents[index].arguments)
        for run, contents in read_otlp([path])
        for index, event in enumerate(run.events)
        if event.kind == "tool_call"
    ]


def as_json(body: bytes) -> dict[str, object]:
    """Return a request as OTLP/JSON: hex ids where protobuf's own JSON has base64."""
    request = ExportTraceServiceRequest.FromString(body)
    told = MessageToDict(request, use_integers_for_enums=True)
    for resource, plain in zip(request.resource_spans, told["resourceSpans"], strict=True):
        for scope, plain_scope in zip(resource.scope_spans, plain["scopeSpans"], strict=True):
            for span, plain_span in zip(scope.spans, plain_scope["spans"], strict=True):
                plain_span["traceId"], plain_span["spanId"] = span.trace_id.hex(), span.span_id.hex()
                if span.parent_span_id:
                    plain_span["parentSpanId"] = span.parent_span_id.hex().upper()
    return told


def test_a_folder_is_one_stream_and_content_is_read_back() -> None:
    ((run, contents),) = read_otlp([ONE])
    assert run.completeness == "root_ended"
    called = [index for index, event in enumerate(run.events) if event.tool == "run_shell"]
    assert len(called) == 1
    assert "curl" in contents[called[0]].arguments["command"]
    assert "installed ok" in str(contents[called[0]].result)
    assert len(list(contents)) == len(run.events)


def test_runs_come_in_order_of_their_first_event() -> None:
    firsts = [min(event.start for event in run.events) for run, _ in read_otlp([MANY])]
    assert len(firsts) == 3
    assert firsts == sorted(firsts)


def test_the_order_of_the_requests_does_not_matter(tmp_path: pathlib.Path) -> None:
    files = sorted(ONE.glob("[0-9]*.binpb"))
    for number, file in enumerate(reversed(files)):
        shutil.copy(file, tmp_path / f"{number:03d}{''.join(file.suffixes)}")
    ((one, _),) = read_otlp([ONE])
    ((two, _),) = read_otlp([tmp_path])
    assert [(e.kind, e.tool, e.start, e.status) for e in one.events] == [
        (e.kind, e.tool, e.start, e.status) for e in two.events
    ]


def test_json_and_the_collector_s_lines_read_like_protobuf(tmp_path: pathlib.Path) -> None:
    documents = [as_json(file.read_bytes()) for file in sorted(ONE.glob("*.traces.binpb"))]
    lines = tmp_path / "traces.jsonl"
    lines.write_text("".join(json.dumps(document) + "\n" for document in documents))
    for number, document in enumerate(documents):
        (tmp_path / "pretty").mkdir(exist_ok=True)
        (tmp_path / "pretty" / f"{number}.traces.json").write_text(json.dumps(document, indent=2))
    assert tools(lines) == tools(tmp_path / "pretty") == tools(ONE)


def test_several_paths_are_one_stream() -> None:
    files = sorted(ONE.glob("*.binpb"))
    assert [run.id for run, _ in read_otlp(files)] == [run.id for run, _ in read_otlp([ONE])]


@pytest.mark.parametrize(
    ("name", "body"),
    [
        ("001.traces.binpb", b"\xff\xff"),
        ("001.logs.binpb", b"\x0a\xff\x01"),
        ("traces.jsonl", b'{"resourceSpans": []}\nnot json\n'),
        ("traces.json", b'{"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "xyz"}]}]}]}'),
        ("traces.json", b'{"something": 1}'),
    ],
)
def test_what_is_no_otlp_is_one_error_that_names_the_file(name: str, body: bytes, tmp_path: pathlib.Path) -> None:
    (tmp_path / name).write_bytes(body)
    with pytest.raises(FileError, match=name.replace(".", r"\.")) as caught:
        list(read_otlp([tmp_path / name]))
    assert "\n" not in str(caught.value)


def test_an_empty_folder_and_an_empty_request(tmp_path: pathlib.Path) -> None:
    with pytest.raises(FileError, match="no OTLP file"):
        list(read_otlp([tmp_path]))
    (tmp_path / "001.traces.binpb").write_bytes(b"")
    assert list(read_otlp([tmp_path])) == []
