"""A history that goes on from one that was read before says what it says when read from the beginning."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dialects.test_conventional_messages import MESSAGES, attribute
from spanwarden.dialects.histories import LEAST, Histories
from spanwarden.dialects.messages import MAX_MESSAGES, Said, read_messages
from spanwarden.otlp import values

LONG = {"role": "system", "parts": [{"type": "text", "content": "Be kind. " * (LEAST // 9 + 1)}]}
ANY = MESSAGES | st.fixed_dictionaries({"role": st.sampled_from(["user", "tool"]), "content": st.text(max_size=8)})


def said(number: int, length: int = 200) -> dict[str, Any]:
    return {"role": "user", "parts": [{"type": "text", "content": f"{number} " * (length // 4)}]}


def text(messages: list[Any]) -> bytes:
    return attribute(json.dumps(messages))


def plainly(encoded: bytes) -> list[Said]:
    return read_messages(values.structure(encoded), "user")


@given(st.lists(st.lists(ANY | st.none() | st.just("words"), max_size=3), min_size=1, max_size=4))
@settings(max_examples=300, deadline=None)
def test_it_says_what_reading_all_of_it_says(turns: list[list[Any]]) -> None:
    histories, sent = Histories(1 << 20), [LONG]
    for turn in turns:
        sent = sent + turn
        for _ in range(3):  # at last it is known whole
            told = histories.read(text(sent), "user")
            assert told is None or told == plainly(text(sent))


def test_only_what_was_added_is_read() -> None:
    histories, sent = Histories(1 << 20), [LONG]
    histories.read(text(sent), "user")
    before = histories.read(text(sent), "user")  # what came once is not kept
    assert before is not None
    for number in range(60):
        sent.append(said(number))
        told = histories.read(text(sent), "user")
        assert told is not None
        assert all(one is other for one, other in zip(before, told, strict=False)), "read again"
        assert told == plainly(text(sent))
        before = told


def test_conversations_with_one_beginning_are_told_apart() -> None:
    histories = Histories(1 << 20)
    sent = [[LONG, said(number)] for number in range(3)]
    for turn in range(10):
        for number, messages in enumerate(sent):
            messages.append(said(100 * turn + number))
            assert histories.read(text(messages), "user") == plainly(text(messages))


@pytest.mark.parametrize("end", [" ", "\n", "x", ",", "]", ",]", ", {}]", "]{}]"])
def test_what_is_no_json_is_not_read_as_a_longer_history(end: str) -> None:
    histories = Histories(1 << 20)
    whole = json.dumps([LONG, said(1)])
    for odd in (whole + end, whole[:-1] + end):
        fresh = Histories(1 << 20)
        expected = fresh.read(attribute(odd), "user")
        for _ in range(2):
            assert histories.read(attribute(whole), "user") is not None
        assert histories.read(attribute(odd), "user") == expected
        assert histories.read(attribute(odd[:-1] + ', {"role": "user", "parts": []}]'), "user") == fresh.read(
            attribute(odd[:-1] + ', {"role": "user", "parts": []}]'), "user"
        )


def test_roles_of_those_that_name_none_are_not_mixed_up() -> None:
    histories = Histories(1 << 20)
    encoded = text([{"parts": [{"type": "text", "content": "x" * LEAST}]}])
    for role in ("user", "user", "system", "user"):
        told = histories.read(encoded, role)
        assert told is not None
        assert told[0].role == role


def test_memory_is_bounded_and_what_is_not_used_goes_first() -> None:
    histories = Histories(120 * LEAST)
    used = text([said(987654, 4000)])
    histories.read(used, "user")
    known = histories.read(used, "user")
    for number in range(1, 200):
        for _ in range(2):
            histories.read(text([said(number, 400 + number * 7), LONG]), "user")
        assert histories.size <= histories.limit
        if number % 3 == 0:
            assert histories.read(used, "user") is known
    for _ in range(3):
        assert histories.read(text([said(5, 200 * LEAST)]), "user") == plainly(text([said(5, 200 * LEAST)]))
    assert histories.size <= histories.limit
    histories.clear()
    assert histories.size == 0


def test_a_conversation_beyond_what_is_read_is_cut() -> None:
    histories = Histories(1 << 22)
    sent = [said(number, 20) for number in range(MAX_MESSAGES - 1)]
    for number in range(3):
        sent.append(said(number, 40))
        told = histories.read(text(sent), "user")
        if told is not None:
            assert told == plainly(text(sent))
            assert len(told) == MAX_MESSAGES
