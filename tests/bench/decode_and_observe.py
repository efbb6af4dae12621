"""What reading a batch costs, beside the floor: protobuf's own parse of the same bytes with the official classes.

usage: python tests/bench/decode_and_observe.py [ROUNDS]

Both are measured in one process, in turns, so that they see the same machine. CPU time; the ratio is what to compare
between machines. Batches are generated: agent runs as the GenAI conventions tell them, with and without content.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span

from spanwarden.dialects.reading import observe
from spanwarden.otlp.requests import check_traces, decode_traces

SPANS = 512
RUN = 26
"""Spans of one run: its root and pairs of a model call and a tool call."""


def batch(content: bool, spans: int = SPANS) -> bytes:
    """Return an encoded export request of this many spans."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    _set(resource.resource, {"service.name": "bench"})
    scope = resource.scope_spans.add()
    scope.scope.name = "opentelemetry.instrumentation.genai.langchain"
    for number in range(spans):
        _add_span(scope, number, content)
    return request.SerializeToString()


def _add_span(scope: ScopeSpans, number: int, content: bool) -> None:
    run, place = divmod(number, RUN)
    span = scope.spans.add()
    span.trace_id = (run + 1).to_bytes(16, "big")
    span.span_id = (number + 1).to_bytes(8, "big")
    span.start_time_unix_nano = 1_700_000_000_000_000_000 + number * 1_000_000
    span.end_time_unix_nano = span.start_time_unix_nano + 900_000
    if place == 0:
        span.name, span.kind = "invoke_agent bench", Span.SPAN_KIND_INTERNAL
        _set(span, {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "bench"})
        return
    span.parent_span_id = (run * RUN + 1).to_bytes(8, "big")
    if place % 2:
        _model_call(span, content)
    else:
        _tool_call(span, number, content)


def _model_call(span: Span, content: bool) -> None:
    span.name, span.kind = "chat gpt-bench", Span.SPAN_KIND_CLIENT
    facts: dict[str, str | int] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-bench",
        "gen_ai.response.model": "gpt-bench-1",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.usage.input_tokens": 1200,
        "gen_ai.usage.output_tokens": 80,
        "server.address": "model.example",
        "server.port": 443,
    }
    if content:
        text = "The quarterly figures are in the attached report. " * 40
        facts["gen_ai.input.messages"] = f'[{{"role":"user","parts":[{{"type":"text","content":"{text}"}}]}}]'
        facts["gen_ai.output.messages"] = (
            '[{"role":"assistant","parts":[{"type":"tool_call","id":"call_1","name":"read_file",'
            '"arguments":{"path":"report.txt"}}],"finish_reason":"tool_call"}]'
        )
    _set(span, facts)


def _tool_call(span: Span, number: int, content: bool) -> None:
    span.name, span.kind = "execute_tool read_file", Span.SPAN_KIND_INTERNAL
    facts: dict[str, str | int] = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "read_file",
        "gen_ai.tool.type": "function",
        "gen_ai.tool.call.id": f"call_{number}",
        "gen_ai.agent.name": "bench",
    }
    if content:
        facts["gen_ai.tool.call.arguments"] = '{"path":"report.txt"}'
        facts["gen_ai.tool.call.result"] = "Revenue grew by four percent. " * 30
    _set(span, facts)


def _set(target: object, facts: dict[str, str] | dict[str, str | int]) -> None:
    for key, value in facts.items():
        pair = target.attributes.add()  # type: ignore[attr-defined]
        pair.key = key
        if isinstance(value, int):
            pair.value.int_value = value
        else:
            pair.value.string_value = value


def floor(body: bytes) -> None:
    """Parse with the official classes and touch nothing."""
    ExportTraceServiceRequest.FromString(body)


def read(body: bytes) -> None:
    """What the service does with a request before its windows see it."""
    request = decode_traces(body)
    check_traces(request)
    observe(request, 0)


def measure(body: bytes, rounds: int, repeat: int = 10) -> dict[str, float]:
    """Return microseconds of CPU per span for each way, the median of interleaved rounds."""
    ways: dict[str, Callable[[bytes], None]] = {"floor": floor, "read": read}
    taken: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            start = time.process_time()
            for _ in range(repeat):
                way(body)
            if number:  # the first round warms up
                taken[name].append((time.process_time() - start) / repeat / SPANS * 1e6)
    return {name: statistics.median(values) for name, values in taken.items()}


def main() -> int:
    """Run the command line."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 15
    print(f"CPU per span in µs, {SPANS} spans a batch, median of {rounds} interleaved rounds")
    print(f"{'batch':<12}{'bytes/span':>12}{'floor':>10}{'read':>10}{'ratio':>8}")
    for name, content in (("no content", False), ("content", True)):
        body = batch(content)
        took = measure(body, rounds)
        ratio = took["read"] / took["floor"]
        print(f"{name:<12}{len(body) // SPANS:>12}{took['floor']:>10.2f}{took['read']:>10.2f}{ratio:>8.1f}")
    print("floor: official ExportTraceServiceRequest.FromString, nothing read from it")
    print("read:  decode, check of ids, observations of the dialect")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
