"""YAML and JSON of policies: positions, the 1.2 core schema, and limits that hostile text runs into."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanwarden.policy.document import Field, PolicyError
from spanwarden.policy.yaml_text import MAX_DEPTH, MAX_NODES, parse


def plain(text: str | bytes, **options: bool) -> object:
    body = text.encode() if isinstance(text, str) else text
    return Field("p.yaml", "", parse(body, "p.yaml", **options)).plain


def error(text: str | bytes, **options: bool) -> str:
    with pytest.raises(PolicyError) as caught:
        plain(text, **options)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_values_follow_the_core_schema() -> None:
    assert plain("a: no\nb: [1, -2, 2.5, true, ~, '3', 0x1f, 1e3, yes, 2020-01-01]\nc: {d: null}") == {
        "a": "no",
        "b": [1, -2, 2.5, True, None, "3", 31, 1000.0, "yes", "2020-01-01"],
        "c": {"d": None},
    }


def test_nan_and_infinity_are_numbers_for_the_reader() -> None:
    value = plain("[.nan, .inf, -.INF]")
    assert isinstance(value, list)
    assert math.isnan(value[0])  # type: ignore[arg-type]
    assert value[1:] == [math.inf, -math.inf]


def test_lines_are_those_of_the_keys() -> None:
    root = Field("p.yaml", "", parse(b"# top\na: 1\nb:\n  - x\n  - y: 2\n", "p.yaml"))
    fields = root.mapping()
    assert [fields["a"].line, fields["b"].line] == [2, 3]
    assert [entry.line for entry in fields["b"].entries()] == [4, 5]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: 1\nb: 2\na: 3\n", "p.yaml:3: duplicate key 'a'"),
        ("x: 1\n? [a]\n: 1\n", "p.yaml:2: a key must be text"),
        ("a:\n- *.pem\n", "p.yaml:2: not YAML: a text that begins with '*' or '&' needs quotes"),
        ("a: *x\n", "p.yaml:1: alias *x without an anchor before it"),
        ("a: &x [*x]\n", "p.yaml:1: alias *x without an anchor before it"),
        ("\n<<: {a: 1}\n", "p.yaml:2: merge keys (<<) are not supported"),
        ("a: !!python/object/apply:os.system [id]\n", "p.yaml:1: tag tag:yaml.org,2002:python/object/apply:os.system"),
        ("a: 1\n---\nb: 2\n", "p.yaml:2: a policy is one document"),
        ("a: 1\nb:\n\t- c\n", "p.yaml:3: not YAML"),
        ("a: [1, 2\n", "not YAML"),
    ],
)
def test_bad_text_is_named_with_its_line(text: str, expected: str) -> None:
    assert expected in error(text)


def test_bytes_that_are_not_utf8_are_named_with_their_line() -> None:
    assert error(b"a: 1\nb: \xff\n") == "p.yaml:2: not UTF-8"


def test_aliases_are_expanded_and_counted() -> None:
    assert plain("a: &x [1, 2]\nb: *x\nc: [*x, *x]") == {"a": [1, 2], "b": [1, 2], "c": [[1, 2], [1, 2]]}


def test_a_billion_laughs_are_refused_where_they_pass_the_limit() -> None:
    lines = ["a0: &a0 [" + ", ".join(["lol"] * 9) + "]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 40)]
    assert error("\n".join(lines)) == f"p.yaml:6: more than {MAX_NODES} values once aliases are expanded"


def test_deep_nesting_is_refused_without_recursion() -> None:
    assert error("[" * 500_000) == f"p.yaml:1: nested deeper than {MAX_DEPTH} levels"
    assert error('{"a":' * 900 + "1" + "}" * 900, as_json=True).endswith(f"nested deeper than {MAX_DEPTH} levels")
    assert error("[" * 200_000, as_json=True).endswith("levels")


def test_json_keeps_lines_and_refuses_what_only_yaml_allows() -> None:
    node = parse(b'{\n "a": 1,\n "b": [2]\n}', "p.json", as_json=True)
    assert Field("p.json", "", node).mapping()["b"].line == 3
    assert error("a: 1", as_json=True).startswith("p.yaml:1: not JSON")
    assert "duplicate key 'a'" in error('{"a": 1, "a": 2}', as_json=True)


def test_json_that_yaml_spells_otherwise_is_read_all_the_same() -> None:
    assert plain('{"a":\t"\\ud83d\\ude00", "b":\t[1]}', as_json=True) == {"a": "\U0001f600", "b": [1]}


@given(st.binary(max_size=300), st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_a_value_or_a_policy_error(body: bytes, as_json: bool) -> None:
    assert_total(body, as_json=as_json)


@given(st.text(alphabet="ab:-[]{}&*!?|>'\"#,\n %@~<0.e\t", max_size=120))
@settings(max_examples=400, deadline=None)
def test_any_yaml_like_text_is_a_value_or_a_policy_error(text: str) -> None:
    assert_total(text.encode())


def assert_total(body: bytes, **options: bool) -> None:
    message = ""
    try:
        parse(body, "p.yaml", **options)
    except PolicyError as caught:
        message = str(caught)
    assert "\n" not in message
