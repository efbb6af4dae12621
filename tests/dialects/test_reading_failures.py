from __future__ import annotations

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from spanwarden.dialects import reading
from spanwarden.dialects.base import Origin, Sightings
from spanwarden.otlp.proto import trimmed_pb2
from spanwarden.otlp.requests import decode_traces


def test_one_record_that_cannot_be_read_costs_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    message = ExportTraceServiceRequest()
    scope = message.resource_spans.add().scope_spans.add()
    for number in (1, 2, 3):
        span = scope.spans.add(trace_id=b"t" * 16, span_id=number.to_bytes(8, "big"))
        pairs = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": f"tool{number}"}
        span.attributes.extend(KeyValue(key=k, value=AnyValue(string_value=v)) for k, v in pairs.items())
    original = reading.span_reader("")

    def fragile(span: trimmed_pb2.Span, origin: Origin, out: Sightings) -> None:
        if span.span_id.endswith(b"\x02"):
            raise ZeroDivisionError
        original(span, origin, out)

    monkeypatch.setattr(reading, "span_reader", lambda _scope: fragile)
    failures: list[Exception] = []
    told = reading.observe(decode_traces(message.SerializeToString()), 0, failures=failures)
    assert [o.tool for o in told] == ["tool1", "tool3"]
    assert [type(error) for error in failures] == [ZeroDivisionError]
