"""Agent runs as OTLP requests, for benches: many runs at once, interleaved, with and without content.

A run is 12 to 40 spans in the order in which they end: model calls, tool calls, HTTP calls below them, the agent last.
With content a span takes about 2.9 kB, without about 0.45 kB. The same seed gives the same bytes.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from typing import NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, Span

SCOPES = (("opentelemetry.instrumentation.openai_v2", "2.3b0"), ("opentelemetry.instrumentation.httpx", "0.66b2"))
RESOURCE = {
    "service.name": "bench-agents",
    "service.version": "1.4.2",
    "service.instance.id": "6f1e2d0c-11aa-4c2e-9b7e-5a1b2c3d4e5f",
    "telemetry.sdk.language": "python",
    "telemetry.sdk.name": "opentelemetry",
    "telemetry.sdk.version": "1.45.2",
    "deployment.environment.name": "bench",
}
TOOLS = ("search_orders", "get_customer", "send_email", "run_sql", "read_file", "http_get", "issue_refund")
MODELS = ("gpt-4.1", "gpt-4o-mini", "claude-sonnet-4-5")
AGENTS = ("support", "billing", "research")
PROSE = (
    "the order was shipped on time and our customer asked about invoice totals for next month please check whether "
    "their address matches before a refund is issued because policy wants approval above some limit results show that "
    "revenue grew slightly while costs stayed flat across regions and the report covers delivery carriers tracking "
    "numbers returns warranty terms opening hours stock levels prices discounts suppliers contracts meetings"
)
WORDS = tuple(PROSE.split())
START = 1_763_000_000_000_000_000

Value = str | int | float | bool | tuple[str, ...]


class Finished(NamedTuple):
    """A span that has ended, and the number of its scope."""

    span: Span
    scope: int


class Workload:
    """A seeded source of runs."""

    def __init__(self, content: bool, seed: int = 7) -> None:
        self._content = content
        self._random = random.Random(seed)

    def requests(self, spans: int, batch: int, concurrent: int = 100) -> Iterator[bytes]:
        """Yield encoded requests of `batch` spans, at least `spans` in all, `concurrent` runs at a time."""
        waiting: list[Finished] = []
        for finished in self.interleaved(spans, concurrent):
            waiting.append(finished)
            if len(waiting) == batch:
                yield encoded(waiting)
                waiting = []
        if waiting:
            yield encoded(waiting)

    def interleaved(self, spans: int, concurrent: int) -> Iterator[Finished]:
        """Yield the spans of whole runs, `concurrent` of them at a time, until there are at least `spans`."""
        active: list[Iterator[Finished]] = []
        made = 0
        while made < spans or active:
            while len(active) < concurrent and made < spans:
                run = self.run()
                made += len(run)
                active.append(iter(run))
            chosen = self._random.randrange(len(active))
            following = next(active[chosen], None)
            if following is None:
                active[chosen] = active[-1]
                active.pop()
            else:
                yield following

    def run(self) -> list[Finished]:
        """Return the spans of one run; its root, the agent, is the last."""
        return _Run(self._random, self._content).spans


class _Run:
    def __init__(self, source: random.Random, content: bool) -> None:
        self._random = source
        self._content = content
        self._trace = source.getrandbits(128).to_bytes(16, "big")
        self._root = source.getrandbits(64).to_bytes(8, "big")
        self._now = START + source.randrange(10**12)
        self._model = source.choice(MODELS)
        self._provider = "openai" if self._model.startswith("gpt") else "anthropic"
        self._agent = source.choice(AGENTS)
        self._conversation = f"conv_{source.getrandbits(64):016x}"
        self._history = source.randint(300, 900)
        self.spans: list[Finished] = []
        began = self._now
        length = source.randint(12, 40)
        while len(self.spans) < length - 1:
            self._turn(length - 1)
        self._end(began)

    def _turn(self, most: int) -> None:
        call = f"call_{self._random.getrandbits(64):016x}"
        tool = self._random.choice(TOOLS)
        arguments = json.dumps({"query": self._text(100, 400), "limit": self._random.randint(1, 50)})
        model = self._span(f"chat {self._model}", Span.SPAN_KIND_CLIENT, 0, self._root)
        self._model_call(model, call, tool, arguments)
        if self._random.random() < 0.6 and len(self.spans) < most:
            self._http(model.span_id, "POST", f"https://api.{self._provider}.com/v1/responses")
        for number in range(self._random.choice((0, 1, 1, 1, 2))):
            if len(self.spans) >= most:
                return
            chosen = tool if number == 0 else self._random.choice(TOOLS)
            execution = self._span(f"execute_tool {chosen}", Span.SPAN_KIND_INTERNAL, 0, self._root)
            self._tool_call(execution, call if number == 0 else f"{call}_{number}", chosen, arguments)
            if self._random.random() < 0.3 and len(self.spans) < most:
                order = self._random.randrange(10**6)
                self._http(execution.span_id, "GET", f"https://api.example.com/v1/orders/{order}")

    def _span(self, name: str, kind: Span.SpanKind, scope: int, parent: bytes) -> Span:
        span = Span(
            trace_id=self._trace,
            span_id=self._random.getrandbits(64).to_bytes(8, "big"),
            parent_span_id=parent,
            name=name,
            kind=kind,
            flags=0x101,
            start_time_unix_nano=self._now,
        )
        self._now += self._random.randint(10, 900) * 1_000_000
        span.end_time_unix_nano = self._now
        self.spans.append(Finished(span, scope))
        return span

    def _model_call(self, span: Span, call: str, tool: str, arguments: str) -> None:
        facts: dict[str, Value] = {
            "gen_ai.operation.name": "chat",
            "gen_ai.provider.name": self._provider,
            "gen_ai.request.model": self._model,
            "gen_ai.response.model": f"{self._model}-2026-08-07",
            "gen_ai.response.id": f"chatcmpl-{self._random.getrandbits(96):024x}",
            "gen_ai.request.temperature": 0.2,
            "gen_ai.request.max_tokens": 4096,
            "gen_ai.usage.input_tokens": self._random.randint(300, 9000),
            "gen_ai.usage.output_tokens": self._random.randint(10, 900),
            "gen_ai.conversation.id": self._conversation,
            "gen_ai.agent.name": self._agent,
            "gen_ai.response.finish_reasons": ("tool_calls",),
            "server.address": f"api.{self._provider}.com",
            "server.port": 443,
        }
        if self._content:
            self._history = min(6000, self._history + self._random.randint(300, 900))
            sent = [
                {"role": "system", "parts": [{"type": "text", "content": self._text(300, 300)}]},
                {"role": "user", "parts": [{"type": "text", "content": self._text(self._history, self._history)}]},
            ]
            answer = [
                {"type": "text", "content": self._text(100, 900)},
                {"type": "tool_call", "id": call, "name": tool, "arguments": json.loads(arguments)},
            ]
            facts["gen_ai.input.messages"] = json.dumps(sent)
            facts["gen_ai.output.messages"] = json.dumps(
                [{"role": "assistant", "parts": answer, "finish_reason": "tool_calls"}]
            )
        _put(span, facts)

    def _tool_call(self, span: Span, call: str, tool: str, arguments: str) -> None:
        facts: dict[str, Value] = {
            "gen_ai.operation.name": "execute_tool",
            "gen_ai.tool.name": tool,
            "gen_ai.tool.call.id": call,
            "gen_ai.tool.type": "function",
            "gen_ai.agent.name": self._agent,
            "gen_ai.conversation.id": self._conversation,
        }
        if self._content:
            facts["gen_ai.tool.call.arguments"] = arguments
            facts["gen_ai.tool.call.result"] = json.dumps({"ok": True, "data": self._text(200, 2000)})
        if self._random.random() < 0.1:
            span.status.code = span.status.STATUS_CODE_ERROR
            facts["error.type"] = "TimeoutError"
        _put(span, facts)

    def _http(self, parent: bytes, method: str, url: str) -> None:
        span = self._span(method, Span.SPAN_KIND_CLIENT, 1, parent)
        host = url.split("/")[2]
        facts: dict[str, Value] = {
            "http.request.method": method,
            "url.full": url,
            "server.address": host,
            "server.port": 443,
            "http.response.status_code": 200,
            "network.protocol.version": "1.1",
        }
        _put(span, facts)

    def _end(self, began: int) -> None:
        root = self._span(f"invoke_agent {self._agent}", Span.SPAN_KIND_INTERNAL, 0, b"")
        root.span_id = self._root
        root.start_time_unix_nano = began
        facts: dict[str, Value] = {
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.provider.name": self._provider,
            "gen_ai.agent.name": self._agent,
            "gen_ai.conversation.id": self._conversation,
            "gen_ai.request.model": self._model,
        }
        if self._content:
            asked = [{"role": "user", "parts": [{"type": "text", "content": self._text(200, 1500)}]}]
            told = [{"role": "assistant", "parts": [{"type": "text", "content": self._text(300, 2000)}]}]
            facts["gen_ai.input.messages"] = json.dumps(asked)
            facts["gen_ai.output.messages"] = json.dumps(told)
        _put(root, facts)

    def _text(self, least: int, most: int) -> str:
        """Return plain prose with an address, a number or a full stop now and then."""
        length = self._random.randint(least, most)
        words: list[str] = []
        taken = 0
        while taken < length:
            chance = self._random.random()
            word = self._random.choice(WORDS)
            if chance < 0.01:
                word = f"https://api.example.com/v1/orders/{self._random.randrange(10**6)}"
            elif chance < 0.015:
                word = f"user{self._random.randrange(999)}@example.org"
            elif chance < 0.05:
                word = f"{word.capitalize()}."
            words.append(word)
            taken += len(word) + 1
        return " ".join(words)[:length]


def encoded(spans: list[Finished]) -> bytes:
    """Return one export request of these spans, as one process sends it."""
    request = ExportTraceServiceRequest()
    resource: ResourceSpans = request.resource_spans.add()
    _put(resource.resource, dict(RESOURCE))
    for number, (name, version) in enumerate(SCOPES):
        own = [finished.span for finished in spans if finished.scope == number]
        if own:
            scope = resource.scope_spans.add()
            scope.scope.name, scope.scope.version = name, version
            scope.spans.extend(own)
    return request.SerializeToString()


def _put(target: object, facts: dict[str, Value] | dict[str, str]) -> None:
    for key, value in facts.items():
        pair = target.attributes.add()  # type: ignore[attr-defined]
        pair.key = key
        if isinstance(value, bool):
            pair.value.bool_value = value
        elif isinstance(value, str):
            pair.value.string_value = value
        elif isinstance(value, int):
            pair.value.int_value = value
        elif isinstance(value, float):
            pair.value.double_value = value
        else:
            for item in value:
                pair.value.array_value.values.add().string_value = item
