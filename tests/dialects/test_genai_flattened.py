"""Messages spread over indexed keys are read up to the first gap."""

from __future__ import annotations

import pytest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from spanwarden.dialects.genai_flattened import MAX_CALLS, MAX_MESSAGES, flattened
from spanwarden.dialects.messages import Call, Response, Said


def attributes(**texts: str) -> dict[str, bytes]:
    return {key.replace("__", "."): AnyValue(string_value=value).SerializeToString() for key, value in texts.items()}


def test_prompts_completions_calls_and_responses() -> None:
    told = attributes(
        gen_ai__prompt__0__role="system",
        gen_ai__prompt__0__content="be kind",
        gen_ai__prompt__1__role="user",
        gen_ai__prompt__1__content='[{"type": "text", "text": "read it"}]',
        gen_ai__prompt__2__role="assistant",
        gen_ai__prompt__2__tool_calls__0__id="c1",
        gen_ai__prompt__2__tool_calls__0__name="read_file",
        gen_ai__prompt__2__tool_calls__0__arguments='{"path": ".env"}',
        gen_ai__prompt__3__role="tool",
        gen_ai__prompt__3__content="KEY=1",
        gen_ai__prompt__3__tool_call_id="c1",
        gen_ai__completion__0__content="done",
    )
    assert flattened(told, "gen_ai.prompt") == [
        Said("system", "be kind"),
        Said("user", "read it"),
        Said("assistant", "", (Call("c1", "read_file", {"path": ".env"}),)),
        Said("tool", "", (), (Response("c1", None, "KEY=1", False),)),
    ]
    assert flattened(told, "gen_ai.completion") == [Said("assistant", "done")]


def test_the_first_gap_ends_it() -> None:
    told = attributes(gen_ai__prompt__0__role="user", gen_ai__prompt__0__content="a", gen_ai__prompt__2__content="b")
    assert flattened(told, "gen_ai.prompt") == [Said("user", "a")]
    assert flattened({}, "gen_ai.prompt") == []


@pytest.mark.parametrize(("count", "kept"), [(MAX_MESSAGES + 10, MAX_MESSAGES)])
def test_work_is_bounded(count: int, kept: int) -> None:
    many = attributes(**{f"gen_ai__prompt__{n}__content": "x" for n in range(count)})
    assert len(flattened(many, "gen_ai.prompt")) == kept
    calls = attributes(**{f"gen_ai__completion__0__tool_calls__{n}__name": "f" for n in range(MAX_CALLS + 5)})
    (said,) = flattened(calls, "gen_ai.completion")
    assert len(said.calls) == MAX_CALLS
