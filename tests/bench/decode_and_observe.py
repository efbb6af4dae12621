"""What reading spans costs, step by step, beside the floor: protobuf's own parse of the same bytes.

usage: python tests/bench/decode_and_observe.py [ROUNDS]

The floor and every step are measured in one process, request by request in turns, so that they see the same machine.
CPU time, with allocator and collector tuned as in the service; what to compare between machines is the ratio to the
floor. The runs are those of `workload`: interleaved, as the GenAI conventions tell them, with and without content.
"""

from __future__ import annotations

import pathlib
import statistics
import sys
import time
from collections.abc import Sequence

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span

from spanwarden.dialects.reading import observe
from spanwarden.otlp.requests import check_traces, decode_traces
from spanwarden.runs.windows import Windows, WindowSettings
from spanwarden.service.memory import tune

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from bench.workload import Workload

SPANS, REQUESTS = 512, 5
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


STEPS = ("floor", "decode", "observe", "window", "assemble")


def spent(bodies: Sequence[bytes]) -> dict[str, float]:
    """Return seconds of CPU that each step took for these requests, one after the other as the service takes them."""
    taken = dict.fromkeys(STEPS, 0.0)
    windows = Windows(WindowSettings())
    for position, body in enumerate(bodies):
        began = time.process_time()
        ExportTraceServiceRequest.FromString(body)
        parsed = time.process_time()
        request = decode_traces(body)
        check_traces(request)
        decoded = time.process_time()
        observations = observe(request, position)
        observed = time.process_time()
        windows.add(observations, 0.0)
        held = time.process_time()
        for step, took in zip(
            STEPS, (parsed - began, decoded - parsed, observed - decoded, held - observed), strict=False
        ):
            taken[step] += took
    began = time.process_time()
    windows.close(0.0)
    taken["assemble"] = time.process_time() - began
    return taken


def measure(bodies: Sequence[bytes], spans: int, rounds: int) -> dict[str, float]:
    """Return microseconds of CPU per span for each step, the median of rounds."""
    spent(bodies)  # warms up
    told = [spent(bodies) for _ in range(rounds)]
    return {step: statistics.median(one[step] for one in told) / spans * 1e6 for step in STEPS}


def main() -> int:
    """Run the command line."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 9
    tune()
    print(f"CPU per span in µs, {SPANS} spans a request, median of {rounds} rounds")
    print(f"{'runs':<12}{'bytes/span':>12}" + "".join(f"{step:>10}" for step in STEPS) + f"{'all':>10}{'ratio':>8}")
    for name, content in (("no content", False), ("content", True)):
        bodies = list(Workload(content).requests(REQUESTS * SPANS, SPANS))
        spans = sum(check_traces(decode_traces(body)).records for body in bodies)
        took = measure(bodies, spans, rounds)
        whole = sum(took[step] for step in STEPS[1:])
        cells = "".join(f"{took[step]:>10.2f}" for step in STEPS)
        print(f"{name:<12}{sum(map(len, bodies)) // spans:>12}{cells}{whole:>10.2f}{whole / took['floor']:>8.1f}")
    print("floor:    official ExportTraceServiceRequest.FromString, nothing read from it")
    print("decode:   reading schema and check of ids; observe: what the spans say; window: which run it belongs to")
    print("assemble: what really happened, when every run is closed; ratio: all but the floor, to the floor")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
