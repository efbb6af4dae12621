"""What it costs to read model calls that repeat a growing history, turn by turn.

usage: python tests/bench/histories.py [ROUNDS]

Every call of a conversation sends all of it again, as agents do: a system prompt of 12 kB, and a call and its result
of some 2.5 kB more in each of 40 turns, 130 kB at last. Five conversations take turns, others in every round. The
floor, protobuf's own parse, grows with the bytes; reading should grow far less, as it has read most of them before.
"""

from __future__ import annotations

import json
import pathlib
import random
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanwarden.dialects.reading import observe
from spanwarden.otlp.requests import decode_traces
from spanwarden.runs.windows import Windows, WindowSettings
from spanwarden.service.memory import tune

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from bench.workload import START, TOOLS, WORDS, Finished, encoded

TURNS, CONVERSATIONS, SYSTEM, RESULT = 40, 5, 12_000, (1_000, 3_800)
STEPS = ("floor", "decode", "observe", "window")


def turns(conversations: int = CONVERSATIONS, length: int = TURNS, seed: int = 7) -> Iterator[list[bytes]]:
    """Yield for each turn the requests of every conversation: one model call and the tool call that it asked for."""
    source = random.Random(seed)
    system = _prose(source, SYSTEM)
    active = [_Conversation(source, system) for _ in range(conversations)]
    for number in range(length):
        yield [conversation.turn(number) for conversation in active]


class _Conversation:
    def __init__(self, source: random.Random, system: str) -> None:
        self._random = source
        self._trace = source.getrandbits(128).to_bytes(16, "big")
        self._root = source.getrandbits(64).to_bytes(8, "big")
        self._messages: list[dict[str, Any]] = [_said("system", system), _said("user", _prose(source, 600))]

    def turn(self, number: int) -> bytes:
        call = {
            "type": "tool_call",
            "id": f"call_{self._random.getrandbits(64):016x}",
            "name": self._random.choice(TOOLS),
            "arguments": {"query": _prose(self._random, 150), "limit": number},
        }
        answer = {"role": "assistant", "parts": [{"type": "text", "content": _prose(self._random, 200)}, call]}
        result = _prose(self._random, self._random.randint(*RESULT))
        model = self._span(number, 0, "chat gpt-4.1")
        _put(model, "gen_ai.operation.name", "chat")
        _put(model, "gen_ai.request.model", "gpt-4.1")
        _put(model, "gen_ai.input.messages", json.dumps(self._messages))
        _put(model, "gen_ai.output.messages", json.dumps([{**answer, "finish_reason": "tool_call"}]))
        tool = self._span(number, 1, f"execute_tool {call['name']}")
        _put(tool, "gen_ai.operation.name", "execute_tool")
        _put(tool, "gen_ai.tool.name", call["name"])
        _put(tool, "gen_ai.tool.call.id", call["id"])
        _put(tool, "gen_ai.tool.call.arguments", json.dumps(call["arguments"]))
        _put(tool, "gen_ai.tool.call.result", result)
        response = {"type": "tool_call_response", "id": call["id"], "response": result}
        self._messages += [answer, {"role": "tool", "parts": [response]}]
        return encoded([Finished(model, 0), Finished(tool, 0)])

    def _span(self, number: int, place: int, name: str) -> Span:
        start = START + (2 * number + place) * 1_000_000_000
        return Span(
            trace_id=self._trace,
            span_id=self._random.getrandbits(64).to_bytes(8, "big"),
            parent_span_id=self._root,
            name=name,
            kind=Span.SPAN_KIND_CLIENT,
            start_time_unix_nano=start,
            end_time_unix_nano=start + 900_000_000,
        )


def _said(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def _put(span: Span, key: str, value: str) -> None:
    pair = span.attributes.add()
    pair.key = key
    pair.value.string_value = value


def _prose(source: random.Random, length: int) -> str:
    lines = [" ".join(source.choices(WORDS, k=12)) for _ in range(length // 60 + 1)]
    return "\n".join(lines)[:length]


def spent(requests: Sequence[Sequence[bytes]]) -> list[dict[str, float]]:
    """Return seconds of CPU that each step took in each turn."""
    windows = Windows(WindowSettings())
    taken: list[dict[str, float]] = []
    for number, bodies in enumerate(requests):
        marks = [0.0] * len(STEPS)
        for position, body in enumerate(bodies, number * len(bodies)):
            times = [time.process_time()]
            ExportTraceServiceRequest.FromString(body)
            times.append(time.process_time())
            request = decode_traces(body)
            times.append(time.process_time())
            observations = observe(request, position)
            times.append(time.process_time())
            windows.add(observations, 0.0, position)
            times.append(time.process_time())
            marks = [mark + times[step + 1] - times[step] for step, mark in enumerate(marks)]
        taken.append(dict(zip(STEPS, marks, strict=True)))
    return taken


def measure(rounds: int, parts: int = 4) -> list[dict[str, float]]:
    """Return bytes and microseconds of CPU per turn of a conversation for each step, in equal parts of it."""
    told: list[list[dict[str, float]]] = []
    for seed in range(rounds + 1):  # the first warms up
        requests = list(turns(seed=seed))
        took = spent(requests)
        told.append([{**each, "bytes": sum(map(len, bodies))} for each, bodies in zip(took, requests, strict=True)])
    size = TURNS // parts
    return [
        {
            step: statistics.median(sum(turn[step] for turn in one[at : at + size]) for one in told[1:])
            / (size * CONVERSATIONS)
            * (1 if step == "bytes" else 1e6)
            for step in ("bytes", *STEPS)
        }
        for at in range(0, TURNS, size)
    ]


def main() -> int:
    """Run the command line."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    tune()
    print(f"CPU per turn in µs: a model call with all its history, and a tool call; median of {rounds} rounds")
    print(f"{'turns':<8}{'bytes':>10}" + "".join(f"{step:>10}" for step in STEPS))
    for part, took in enumerate(measure(rounds)):
        size = TURNS // 4
        name = f"{part * size + 1}-{(part + 1) * size}"
        print(f"{name:<8}{took['bytes']:>10.0f}" + "".join(f"{took[step]:>10.1f}" for step in STEPS))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
