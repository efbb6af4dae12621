"""Reprs of Python objects read as data."""

from __future__ import annotations

import enum
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanwarden.dialects.python_repr import MAX_DEPTH, MAX_TEXT, ReprError, read_repr

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.text()
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=30,
)


class Role(enum.Enum):
    USER = "user"


class Level(enum.IntEnum):
    HIGH = 3


@given(PLAIN)
def test_what_repr_writes_is_read_back(value: Any) -> None:
    assert read_repr(repr(value)) == value


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        read_repr(text)
    except ReprError:
        return


def test_objects_enum_members_and_opaque_values() -> None:
    parts = "[Text(text='it\\'s'), 7]"
    shown = f"lib.Message(_role={Role.USER!r}, level={Level.HIGH!r}, parts={parts}, f=<function f at 0x7f>)"
    assert read_repr(shown) == {
        "": "lib.Message",
        "_role": "user",
        "level": 3,
        "parts": [{"": "Text", "text": "it's"}, 7],
        "f": "<function f at 0x7f>",
    }
    assert read_repr("Point(1, 2, label=None)") == {"": "Point", "0": 1, "1": 2, "label": None}
    assert read_repr("{(1, 2): 'a', 3: ()}") == {"[1, 2]": "a", "3": []}
    assert read_repr("{1, 2}") == [1, 2]
    assert read_repr("[b'\\x41', u'\\u00e9', '\\n']") == ["A", "é", "\n"]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "'open",
        "[1, 2",
        "f(",
        "f(a=)",
        "{'a': }",
        "[1 2]",
        "name",
        "<open",
        "1.2.3",
        "[1]]",
        "'a' 'b'",
        "\\x",
        "f(a=1",
        "--1",
    ],
)
def test_text_that_is_no_whole_repr_is_refused(text: str) -> None:
    with pytest.raises(ReprError):
        read_repr(text)


def test_nesting_and_size_are_bounded() -> None:
    assert read_repr("[" * MAX_DEPTH + "]" * MAX_DEPTH) is not None
    for text in ("[" * 5000, "f(" * 5000, "{0:" * 5000, "'" + "x" * MAX_TEXT + "'", "[" + "0," * 200_000 + "]"):
        with pytest.raises(ReprError):
            read_repr(text)


@pytest.mark.parametrize(
    "text",
    ["'" + "\\'" * 1_000_000, "<" * 200_000, "[<a.b: '" * 30, "1" * 1_000_000, "a." * 1_000_000, " " * 2_000_000],
)
def test_hostile_text_takes_linear_time(text: str) -> None:
    started = time.process_time()
    with pytest.raises(ReprError):
        read_repr(text)
    assert time.process_time() - started < 2
