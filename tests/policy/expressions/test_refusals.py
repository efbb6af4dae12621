"""What conditions refuse, and that nothing they hold is ever run."""

from __future__ import annotations

import pathlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy.expressions.running_conditions import compiled, field, view_of
from spanwarden.policy.document import PolicyError
from spanwarden.policy.expressions.condition import compile_condition
from spanwarden.policy.expressions.scopes import EVENT, TROY

ESCAPES = [
    "().__class__.__base__.__subclasses__()",
    "get.__globals__['__builtins__']",
    "get.__self__",
    "matches.__globals__",
    "__import__('os').system('id')",
    "(lambda: 1).__globals__",
    "(lambda s: s)(1)",
    "any_step(lambda s: s.__class__)",
    "[x for x in steps if x.__class__]",
    "str.format('{0.__class__}', step)",
    "'{0.__class__}'.format(step)",
    "'%s' % step",
    "f'{step.__class__}'",
    "f'{step!r}'",
    "f'{1:>999999999}'",
    "f'{1:>{index}}'",
    "f'{get}'",
    "[(y := 1) for x in [1]]",
    "any_prev(lambda s: (y := s))",
    "(step := 1)",
    "(get := 1)",
    "(_y := 1)",
    "y and (y := 1)",
    "2 ** 99999999",
    "'a' * 10 ** 9",
    "'a' * 1000000000",
    "open('/etc/passwd')",
    "eval('1')",
    "exec('1')",
    "getattr(step, 'x')",
    "type(step)",
    "vars()",
    "globals()",
    "breakpoint()",
    "lambda s: s",
    "[get, str]",
    "get",
    "any",
    "c.view",
    "l_event(0)",
    "h_field(step, 'x')",
    "b['x']",
    "w.left",
    "step.update({})",
    "steps.append(1)",
    "step.__dict__",
    "step._x",
    "{**step}",
    "[*steps]",
    "get(*steps)",
    "get(**step)",
    "await step",
    "(yield)",
    "~1",
    "1 | 2",
    "1 << 99",
    "b'x'",
    "1j",
    "...",
    "x = 1",
    "import os",
    "step;step",
    "any_step(lambda s, t: s)",
    "any_step(lambda *s: s)",
    "any_step(lambda s=get: s)",
    "any_step(get)",
    "any_step(5)",
    "sorted(steps, key=get)",
    "[x for x in [1] for y in [2] for z in [3]]",
    "[get for get in [1]]",
    "[0 for _ in steps]",
    "[0 for step['x'] in steps]",
    "get(step)",
    "get(step, 'a', 'b', 'c')",
    "matches(tool, tool)",
    "matches(tool, 'a' + 'b')",
    "any(tool, tool)",
    "str()",
    "int('1', 2)",
    "tool.encode()",
    "tool.format_map(step)",
    "tool.zfill(999999999)",
    "tool.ljust(999999999)",
    " ",
    "tool ==",
    "\x00",
    "tool\x00",
    "(" * 200,
    "[" * 90 + "]" * 90,
    "-" * 3000 + "1",
    "not " * 900 + "1",
    "1" * 30,
    "9" * 3999,
    "'" + "a" * 3000 + "'",
    " or ".join(["tool"] * 700),
    "a" * 5000,
    ".a" * 1000,
    "tool" + "[0]" * 500,
    "".join(f"any_step(lambda s{i}: " for i in range(5)) + "1" + ")" * 5,
]


@pytest.mark.parametrize("scope", [EVENT, TROY], ids=["event", "troy"])
@pytest.mark.parametrize("text", ESCAPES, ids=range(len(ESCAPES)))
def test_an_escape_is_refused_in_one_line_with_file_and_line(text: str, scope: object) -> None:
    with pytest.raises(PolicyError) as caught:
        compile_condition(field(text), scope)  # type: ignore[arg-type]
    assert str(caught.value).startswith("p.yaml:3: when: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("tol == 'x'", "unknown name 'tol' (did you mean tool?) (column 1)"),
        ("tool == 'x' and agnt_name", "unknown name 'agnt_name' (did you mean agent_name?) (column 17)"),
        ("matchs(tool, 'x')", "unknown function 'matchs' (did you mean matches?)"),
        ("tool.startwith('x')", "the method 'startwith' is not part of conditions (did you mean startswith?)"),
        ("(tool ==\n  toal)", "unknown name 'toal' (did you mean tool?) (line 2, column 3)"),
        ("matches(tool, '(?=x)y')", "a lookahead"),
        ("matches(tool, '(?<!x)y')", "a negative lookbehind"),
        ("matches(tool, r'(a)\\1')", "a back-reference"),
        ("matches(tool, '(?P<a>x)(?P=a)')", "a back-reference"),
        ("matches(tool, '(')", "the pattern cannot be used: missing )"),
        ("matches(tool, '((((a{1000}){1000}){1000}){1000})')", "the pattern cannot be used"),
        ("len(tool, 1)", "len() takes 1 arguments"),
        ("get", "get is a function: call it"),
        ("toal ==\n  tool", "unknown name 'toal' (did you mean tool?) (column 1)"),
        ("tool ==\n  toal", "unknown name 'toal' (did you mean tool?) (line 2, column 3)"),
        ("tool\n) or (tool", "not a condition"),
    ],
)
def test_a_refusal_says_what_is_wrong_and_where(text: str, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        compiled(text)
    assert said in str(caught.value)


def test_fields_are_not_part_of_troys_conditions() -> None:
    with pytest.raises(PolicyError, match=r"write \['type'\]"):
        compiled("step.type == 'tool_call'", TROY)


def test_macros_that_use_themselves_are_refused() -> None:
    with pytest.raises(PolicyError, match="the macro 'a' uses itself"):
        compiled("a", macros={"a": "b or tool", "b": "c", "c": "a"})


def test_macros_that_grow_without_bound_are_refused() -> None:
    macros = {"m0": " or ".join(["tool"] * 100)}
    macros |= {f"m{i}": " or ".join([f"m{i - 1}"] * 100) for i in range(1, 6)}
    with pytest.raises(PolicyError, match="more than 20000 parts"):
        compiled("m5", macros=macros)


NAMES = [
    "tool",
    "step",
    "steps",
    "args",
    "get",
    "any_prev",
    "lambda s: ",
    "s",
    "matches",
    "str",
    "__class__",
    "effects",
]
PIECES = st.sampled_from(
    [*NAMES, "(", ")", "[", "]", "{", "}", ".", ",", ":", "'a'", "1", "-", "+", "*", "**", "%", "==", "in", "not", "is",
     "and", "or", "if", "else", "for", "x", " ", "\n", "f'{x}'", ":=", "None", "True", "\\", "#", "\x00", "\u00e9",
     "\U0001d42d\U0001d428\U0001d428\U0001d425"]
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.one_of(st.lists(PIECES, max_size=40).map(" ".join), st.text(max_size=80)))
def test_any_text_compiles_or_is_refused(text: str) -> None:
    for scope in (EVENT, TROY):
        try:
            condition = compile_condition(field(text), scope)
        except PolicyError:
            continue
        raised: Exception | None = None
        try:
            condition.test(view_of(), 1)
        except Exception as error:  # noqa: BLE001 - an error of the condition, which the rule reports
            raised = error
        assert not isinstance(raised, NameError | SyntaxError)


def test_an_escape_in_a_macro_or_list_is_refused_or_stays_text(tmp_path: pathlib.Path) -> None:
    target = tmp_path / "made"
    attack = f"__import__('pathlib').Path({str(target)!r}).touch()"
    with pytest.raises(PolicyError):
        compiled("m", macros={"m": attack})
    assert compiled("tool in l", lists={"l": (attack,)}).test(view_of(), 1) is False
    assert not target.exists()
