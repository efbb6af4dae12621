"""Content taken out: no text of it is left, and nothing else has changed."""

from __future__ import annotations

import copy
import hashlib
import pathlib
import random
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue, KeyValueList

from service.forwarding.upstreams import CORPUS, NAME, Upstream, captures, eventually, forwarding, points, spans
from spanwarden.dialects import claude_code_fields, genai_keys
from spanwarden.service.forwarding.content import ContentError, ContentFilter
from spanwarden.service.metrics import Telemetry

SHARED = pathlib.Path(__file__).parents[4] / "shared" / "corpus" / "otlp"
MARKER = "zq-planted-7f3a"
TYPES: dict[str, Any] = {
    "traces": ExportTraceServiceRequest,
    "logs": ExportLogsServiceRequest,
    "metrics": ExportMetricsServiceRequest,
}
FOLDERS = [CORPUS, *([SHARED] if SHARED.is_dir() else [])]


def holders(signal: str, request: Any) -> Iterator[Any]:
    """Yield everything in a request that has attributes."""
    groups, scopes, records = {
        "traces": ("resource_spans", "scope_spans", "spans"),
        "logs": ("resource_logs", "scope_logs", "log_records"),
        "metrics": ("resource_metrics", "scope_metrics", None),
    }[signal]
    for group in getattr(request, groups):
        yield group.resource
        for scope in getattr(group, scopes):
            yield scope.scope
            for record in getattr(scope, records) if records else ():
                yield record
                if signal == "traces":
                    yield from record.events
                    yield from record.links


def planted(value: AnyValue) -> None:
    """Put the marker into a value of any type and shape."""
    kind = value.WhichOneof("value")
    if kind == "array_value" and value.array_value.values:
        planted(value.array_value.values[-1])
    elif kind == "kvlist_value" and value.kvlist_value.values:
        planted(value.kvlist_value.values[-1].value)
    elif kind == "bytes_value":
        value.bytes_value += MARKER.encode()
    else:
        value.string_value = f"{value.string_value} {MARKER} "


def without_content(signal: str, request: Any, content: ContentFilter) -> Any:
    """What the request should be once its content is dropped, made by other means than the filter's."""
    expected = copy.deepcopy(request)
    for holder in holders(signal, expected):
        for index in reversed(range(len(holder.attributes))):
            if content.is_content(holder.attributes[index].key):
                del holder.attributes[index]
        if hasattr(holder, "body") and MARKER in str(holder.body):
            holder.ClearField("body")
    return expected


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.parts[-3])
@pytest.mark.parametrize("how", ["drop", "hash"])
def test_no_marker_survives_in_any_capture_and_all_else_does(
    folder: pathlib.Path, how: Literal["drop", "hash"]
) -> None:
    content, markers, requests = ContentFilter(how), 0, 0
    for name, signal, body in captures(folder):
        request = TYPES[signal].FromString(body)
        for holder in holders(signal, request):
            for attribute in holder.attributes:
                if content.is_content(attribute.key):
                    planted(attribute.value)
                    markers += 1
            if (
                hasattr(holder, "body")
                and holder.body.WhichOneof("value")
                and " " in str(holder.body.ListFields()[0][1])
            ):
                planted(holder.body)
                markers += 1
        filtered = content.apply(signal, request.SerializeToString())
        assert MARKER.encode() not in filtered, name
        result = TYPES[signal].FromString(filtered)
        if how == "hash":
            assert [[a.key for a in h.attributes] for h in holders(signal, result)] == [
                [a.key for a in h.attributes] for h in holders(signal, request)
            ]
            for holder, other in zip(holders(signal, result), holders(signal, request), strict=True):
                for mine, theirs in zip(holder.attributes, other.attributes, strict=True):
                    if content.is_content(mine.key):
                        assert mine.value.string_value.startswith("blake2b:")
                        mine.CopyFrom(theirs)
                if hasattr(other, "body") and MARKER in str(other.body):
                    assert holder.body.string_value.startswith("blake2b:")
                    holder.body.CopyFrom(other.body)
            assert result == request, name
        else:
            # Bodies that only name their event stay; those without a marker are looked at below.
            for mine, theirs in zip(holders(signal, result), holders(signal, request), strict=True):
                if hasattr(mine, "body") and MARKER not in str(theirs.body) and not mine.HasField("body"):
                    theirs.ClearField("body")
            assert result == without_content(signal, request, content), name
        requests += 1
    assert requests > 20
    assert markers > 100


CONTENT_READ_BY_DIALECTS = [
    *genai_keys.ARGUMENTS,
    *genai_keys.RESULT,
    *genai_keys.SYSTEM,
    *genai_keys.INPUT,
    *genai_keys.OUTPUT,
    *genai_keys.QUERY,
    *genai_keys.DOCUMENTS,
    *(key for key in claude_code_fields._ARGUMENTS if key not in {"subagent_type", "skill_name"}),
]


@pytest.mark.parametrize("key", CONTENT_READ_BY_DIALECTS)
def test_what_our_own_dialects_read_as_content_is_content(key: str) -> None:
    assert ContentFilter("drop").is_content(key)


@pytest.mark.parametrize(
    ("key", "content"),
    [
        ("gen_ai.prompt.0.content", True),
        ("gen_ai.prompt.12.tool_calls.0.arguments", True),
        ("gen_ai.prompt.name", False),
        ("gen_ai.completion.0.content", True),
        ("llm.input_messages.3.message.content", True),
        ("llm.token_count.prompt", False),
        ("gen_ai.usage.input_tokens", False),
        ("gen_ai.request.model", False),
        ("gen_ai.tool.name", False),
        ("gen_ai.tool.call.id", False),
        ("prompt.id", False),
        ("prompt_id", False),
        ("response_id", False),
        ("input_tokens", False),
        ("ai.prompt.messages", True),
        ("ai.response.id", False),
        ("session.id", False),
        ("error.type", False),
    ],
)
def test_names_and_numbers_are_not_content(key: str, content: bool) -> None:
    assert ContentFilter("drop").is_content(key) is content


def test_further_keys_come_from_the_settings() -> None:
    content = ContentFilter("drop", ("acme.secret", "acme.notes.*"))
    assert [content.is_content(k) for k in ("acme.secret", "acme.secrets", "acme.notes.x", "acme.note")] == [
        True,
        False,
        True,
        False,
    ]


def log(body: AnyValue | None = None, event_name: str = "", **attributes: str) -> bytes:
    request = ExportLogsServiceRequest()
    record = request.resource_logs.add().scope_logs.add().log_records.add(event_name=event_name)
    if body is not None:
        record.body.CopyFrom(body)
    for key, value in attributes.items():
        record.attributes.add(key=key.replace("__", "."), value=AnyValue(string_value=value))
    return request.SerializeToString()


@pytest.mark.parametrize(
    ("body", "event", "stays"),
    [
        ("claude_code.user_prompt", {"event__name": "user_prompt"}, True),
        ("user_prompt", {"event_name": "user_prompt"}, True),
        ("please fix the bug", {"event__name": "user_prompt"}, False),
        ("do it.user_prompt", {"event__name": "user_prompt"}, False),
        ("hunter2", {}, False),
        ("hunter2", {"event__name": ""}, False),
        ("", {}, True),
    ],
)
def test_a_body_stays_only_where_it_repeats_the_name_of_its_event(
    body: str, event: dict[str, str], stays: bool
) -> None:
    sent = log(AnyValue(string_value=body), **event)
    result = ExportLogsServiceRequest.FromString(ContentFilter("drop").apply("logs", sent))
    assert result.resource_logs[0].scope_logs[0].log_records[0].HasField("body") is stays
    hashed = ExportLogsServiceRequest.FromString(ContentFilter("hash").apply("logs", sent))
    value = hashed.resource_logs[0].scope_logs[0].log_records[0].body.string_value
    assert (value == body) is stays


def test_structured_bodies_go_and_requests_without_content_stay_as_they_are() -> None:
    body = AnyValue(kvlist_value=KeyValueList(values=[KeyValue(key="content", value=AnyValue(string_value=MARKER))]))
    for how in ("drop", "hash"):
        assert MARKER.encode() not in ContentFilter(how).apply("logs", log(body, "gen_ai.user.message"))
    plain = [("traces", spans(3)), ("metrics", points(10)), ("logs", log(event_name="x", model="gpt"))]
    for signal, sent in plain:
        assert ContentFilter("drop").apply(signal, sent) == sent


def test_equal_text_has_an_equal_digest_that_anybody_can_compute() -> None:
    first, second = (
        ExportLogsServiceRequest.FromString(ContentFilter("hash").apply("logs", log(None, name, prompt="grüße")))
        for name in ("a", "b")
    )
    digest = "blake2b:" + hashlib.blake2b("grüße".encode(), digest_size=16).hexdigest()
    for request in (first, second):
        assert request.resource_logs[0].scope_logs[0].log_records[0].attributes[0].value.string_value == digest


def field(number: int, content: bytes) -> bytes:
    assert len(content) < 128
    assert number < 16
    return bytes(((number << 3) | 2, len(content))) + content


def test_fields_that_we_do_not_know_survive_everywhere() -> None:
    unknown = b"\xfa\x3e\x03abc"
    kept = field(1, b"kept") + field(2, field(1, b"v")) + unknown
    secret = field(1, b"prompt") + field(2, field(1, MARKER.encode()))
    record = field(6, kept) + field(6, secret) + unknown
    body = field(1, field(1, unknown) + field(2, field(2, record) + unknown) + unknown) + unknown
    result = ContentFilter("drop").apply("logs", body)
    assert MARKER.encode() not in result
    assert result.count(unknown) == body.count(unknown) == 6
    unreadable_body = field(1, field(2, field(2, field(5, field(15, MARKER.encode())))))
    for how in ("drop", "hash"):
        assert MARKER.encode() not in ContentFilter(how).apply("logs", unreadable_body)


def test_bytes_that_cannot_be_read_are_never_sent_with_their_content() -> None:
    bad = field(1, field(2, field(2, field(6, field(1, b"prompt") + field(2, field(1, b"\xff" + MARKER.encode()))))))
    with pytest.raises(ContentError):
        ContentFilter("drop").apply("logs", bad)
    telemetry = Telemetry()
    with Upstream() as upstream:
        sender = forwarding(f"127.0.0.1:{upstream.port}", telemetry, forward={"content": "drop"})
        sender.start()
        sender.offer("logs", bad, 1)
        sender.offer("logs", log(None, "e", prompt=MARKER, model="gpt"), 1)
        eventually(sender.idle)
        sender.close(5)
    assert [body for _, body in upstream.taken] == [log(None, "e", model="gpt")]
    assert telemetry.value("otelcol_exporter_send_failed_log_records", exporter=NAME) == 1


def test_random_bytes_are_refused_or_filtered_but_never_break_it() -> None:
    source = random.Random(7)
    requests = [(signal, body) for _, signal, body in captures()]
    content = ContentFilter("hash")
    for _ in range(300):
        signal, body = source.choice(requests)
        damaged = bytearray(body)
        for _ in range(source.randint(1, 20)):
            damaged[source.randrange(len(damaged))] = source.randrange(256)
        try:
            content.apply(signal, bytes(damaged))
        except ContentError:
            continue


def test_a_span_with_very_many_attributes() -> None:
    request = ExportTraceServiceRequest()
    span = request.resource_spans.add().scope_spans.add().spans.add()
    for number in range(200_000):
        span.attributes.add(key="prompt" if number % 2 else "k", value=AnyValue(int_value=1))
    result = ExportTraceServiceRequest.FromString(ContentFilter("drop").apply("traces", request.SerializeToString()))
    assert len(result.resource_spans[0].scope_spans[0].spans[0].attributes) == 100_000
