import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanwarden.effects.limits import MAX_REPR
from spanwarden.effects.unwrap import unwrap

PATH = {"path": "src/app.py"}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (PATH, PATH),
        ('{"path": "src/app.py"}', PATH),
        ('\n {\n  "path": "src/app.py"\n}\n', PATH),
        (json.dumps(json.dumps(PATH)), PATH),
        ("{'path': 'src/app.py'}", PATH),
        ({"args": [], "kwargs": PATH}, PATH),
        ({"args": [], "sanitize_inputs_outputs": True, "kwargs": PATH}, PATH),
        ({"args": ["src/app.py"], "kwargs": {}}, "src/app.py"),
        ({"args": ["a", "b"], "kwargs": {}}, ["a", "b"]),
        ({"input_str": "{'path': 'src/app.py'}", "inputs": PATH, "kwargs": {"tool_call_id": "c"}}, PATH),
        ({"input_str": "{'path': 'src/app.py'}", "inputs": None}, PATH),
        ({"input": PATH}, PATH),
        ({"input": json.dumps(PATH)}, PATH),
        ({"input": "a patch"}, {"input": "a patch"}),
        ({"tool_name": "read_file", "arguments": PATH}, PATH),
        ({"name": "read_file", "arguments": json.dumps(PATH), "id": "c"}, PATH),
        ({"name": "read_file", "arguments": None}, {}),
        ({"type": "function", "function": {"name": "read_file", "arguments": json.dumps(PATH)}}, PATH),
        ([{"toolUse": {"toolUseId": "t", "name": "read_file", "input": PATH}}], PATH),
        ({"type": "tool_use", "id": "t", "name": "read_file", "input": PATH}, PATH),
        ({"kwargs": {"inputs": PATH}}, PATH),
        ("src/app.py", "src/app.py"),
        ("42", "42"),
        ("true", "true"),
        ("[1, 2]", [1, 2]),
        ("['a', 'b']", ["a", "b"]),
        ("", ""),
        (None, None),
        (7, 7),
        ({"path": "a", "input": "b"}, {"path": "a", "input": "b"}),
        ({"command": "x", "arguments": ["-l"]}, {"command": "x", "arguments": ["-l"]}),
    ],
)
def test_wrappers_come_off(arguments, expected):
    assert unwrap(arguments) == expected


@pytest.mark.parametrize(
    "text",
    [
        "{'path': __import__('os').system('x')}",
        "{'a': " * 200 + "1" + "}" * 200,
        "{'path': '" + "x" * MAX_REPR + "'}",
        "{'path': f'{1}'}",
        "{'a': 9**9**9}",
        "{'path': 'cut off",
        '{"path": "cut off',
        "[" * 100_000,
        "{" * 100_000,
        '{"a":' * 5000 + "1" + "}" * 5000,
    ],
    ids=range(10),
)
def test_text_that_is_no_literal_or_too_much_stays_text(text):
    assert unwrap(text) == text


def test_wrappers_inside_wrappers_end():
    value: object = {"path": "a"}
    for _ in range(500):
        value = {"input": value}
    assert isinstance(unwrap(value), dict)


@settings(max_examples=300, deadline=None)
@given(st.text(alphabet="{}[]()'\":,a1 \\\n", max_size=60))
def test_any_text_is_taken(text):
    unwrap(text)
