"""Pseudo tools that only hand over the answer."""

from __future__ import annotations

from typing import Any

import pytest

from spanwarden.dialects.final_answers import is_final_answer


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("final_answer", {"answer": "42"}, True),
        ("final_answer", None, True),
        ("FinalAnswerTool", "42", True),
        ("final_result", {"city": "Paris", "country": "France"}, True),
        ("final_result_City", {"city": "Paris"}, True),
        ("final_answer", {"answer": "42", "recipient": "a@b.example"}, False),
        ("send_final_answer", {"answer": "42"}, False),
        ("answer", {"answer": "42"}, False),
    ],
)
def test_final_answers(name: str, arguments: Any, expected: bool) -> None:
    assert is_final_answer(name, arguments) is expected
