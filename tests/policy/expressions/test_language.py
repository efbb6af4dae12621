"""What conditions mean."""

from __future__ import annotations

from typing import Any

import pytest

from policy.expressions.running_conditions import EVENTS, compiled, value, view_of
from spanwarden.model.event import Content, Event
from spanwarden.model.run import Run
from spanwarden.policy.expressions.condition import at_event
from spanwarden.policy.expressions.errors import ConditionError, UnknownError
from spanwarden.policy.expressions.scopes import TROY
from spanwarden.policy.rules.base import RunView
from spanwarden.policy.state import MemoryState
from spanwarden.transcripts.entries import HeldContents

LISTS = {"ours": ("acme.com",), "risky": ("bash", "sh")}


@pytest.mark.parametrize(
    ("text", "index", "expected"),
    [
        ("tool == 'send_email'", 1, True),
        ("f'{tool}/{args.n}{{}}{args.missing}'", 1, "send_email/3{}None"),
        ("[f'{t!s}.' for t in args.to][0]", 1, "bob@acme.com."),
        ("(n := args.n) > 2 and n + 1", 1, 4),
        ("tool.replace('_', '-').replace('', '.', 1).title()", 1, ".Send-Email"),
        ("', '.join(args.to).rfind('@')", 1, 17),
        ("tool[::-1] + tool[-1::-9]", 1, "liame_dnesls"),
        ("{to[0] for to in args.to} == {'b', 'e'}", 1, True),
        ("{to: len(to) for to in args.to if to.startswith('b')}", 1, {"bob@acme.com": 12}),
        ("role.replace('u', 'U').capitalize() + '-'.join(x for x in ['a', 'b'])", 0, "Usera-b"),
        ("model.replace('x', 'y')", 1, ""),
        ("(n := args.to[0]) and any_step(lambda s: n in s.effects.targets)", 1, True),
        ("(n := 1) and [n for n in [2]] == [2] and n", 1, 1),
        ("kind == 'tool_call' and type == kind", 1, True),
        ("any(domain(to) not in ours for to in args.to)", 1, True),
        ("all(domain(to) in ours for to in args.to)", 1, False),
        ("tool in risky", 3, True),
        ("tool in ['sh', 'bash']", 3, True),
        ("args.n > 2 and args['n'] < 4", 1, True),
        ("0 < index < 3", 1, True),
        ("0 < index < 3", 3, False),
        ("args.n + 1 == 4 and args.n * 2 == 6 and args.n - 1 == 2 and args.n // 2 == 1 and args.n % 2 == 1", 1, True),
        ("args.n / 2", 1, 1.5),
        ("-args.n", 1, -3),
        ("'to' in args and 'cc' not in args", 1, True),
        ("len(args.to)", 1, 2),
        ("args.to[0]", 1, "bob@acme.com"),
        ("args.to[7]", 1, None),
        ("args.to[:1]", 1, ["bob@acme.com"]),
        ("tool[:4]", 1, "send"),
        ("args.missing.deeper", 1, None),
        ("args.missing > 3 or args.missing < 3", 1, False),
        ("[x for x in args.missing]", 1, []),
        ("[x for x in tool]", 1, ["send_email"]),
        ("tool.startswith('send')", 1, True),
        ("tool.startswith('send')", 0, False),
        ("model.upper()", 2, "M-1"),
        ("matches(tool, '^SEND')", 1, True),
        ("matches(model, 'none')", 1, False),
        ("'x' in result", 3, False),
        ("error == 'denied' and status == 'error'", 3, True),
        ("cost > 0.4 and usage.input == 10", 2, True),
        ("cost > 0.4", 1, False),
        ("role", 0, "user"),
        ("agent_name", 1, "clerk"),
        ("sorted(effects.kinds)", 1, ["egress", "message_send", "send", "write"]),
        ("effects.targets", 1, ["bob@acme.com"]),
        ("any(e.kind == 'shell' for e in effects)", 3, True),
        ("metadata.network_zone", 1, "external"),
        ("path_in(args.path, 'src/**') and not path_in(args.path, ['lib/**', 'src/*.txt'])", 1, True),
        ("domain('https://User@Acme.com:8080/x')", 1, "acme.com"),
        ("minutes(1) + hours(1) + days(1)", 1, 90060.0),
        ("user_said('BOB@acme.com') and not user_said('eve@evil.example')", 1, True),
        ("user_said(args.to)", 1, False),
        ("user_said('bob@acme.com')", 0, False),
        ("approved()", 1, False),
        ("run.id", 1, "r1"),
        ("min(3, 1) + max(args.n, 7) + sum(x for x in [1, 2])", 1, 11),
        ("sorted(args.to, key=lambda t: t[-1])", 1, ["eve@evil.example", "bob@acme.com"]),
        ("int('7') + float('0.5')", 1, 7.5),
        ("'yes' if tool == 'bash' else 'no'", 3, "yes"),
        ("{'a': 1}.get('a')", 1, 1),
        ("step['description']", 1, "send_email"),
        ("step['type']", 0, "observation"),
        ("get(step, 'input.n')", 1, 3),
        ("get(step, 'input.missing', 'd')", 1, "d"),
        ("step.tool", 1, "send_email"),
        ("step_index", 3, 3),
        ("len(prev_steps) + len(next_steps) == len(steps) - 1", 2, True),
        ("prev_steps[-1].tool", 2, "send_email"),
        ("any_prev(lambda s: s.tool == 'send_email')", 2, True),
        ("any_prev(lambda s: s.tool == 'send_email')", 1, False),
        ("any_next(lambda s: s.tool == 'bash')", 2, True),
        ("any_next(lambda s: s.tool == 'bash')", 3, False),
        ("any_step(lambda s: s['description'] == 'bash')", 0, True),
        ("any_prev(lambda s: s.status != status and s.tool)", 3, True),
        ("any_prev(lambda s: s.tool and age(s) == minutes(1))", 3, True),
        ("[s.index for s in steps if s.kind == 'tool_call']", 0, [1, 3]),
        ("[(a, b) for a in [1, 2] for b in [3]]", 0, [(1, 3), (2, 3)]),
        ("sum(len(s.args.to) for s in steps)", 0, 2),
        ("same(args, {'n': 3, 'x': 1}, ['n'])", 1, True),
        ("same(args, {'n': 3, 'x': 1}, keys=['n', 'x'])", 1, False),
        ("agent['name']", 1, None),
        ("trace['trace_id']", 1, "r1"),
        ("str(args.n) + '!'", 1, "3!"),
        ("not args.nothing", 1, True),
        ("tool == 'send_email'  # so far\n  and args.n == 3", 1, True),
        ("str(run)", 1, "r1"),
    ],
)
def test_a_condition_comes_to(text: str, index: int, expected: Any) -> None:
    assert value(text, index, lists=LISTS) == expected


def test_macros_are_put_in_place_of_their_names() -> None:
    macros = {"mail": "tool == 'send_email' and far", "far": "any(domain(to) not in ours for to in args.to)"}
    assert value("mail and args.n == 3", lists=LISTS, macros=macros) is True
    assert compiled("mail", lists=LISTS, macros=macros).names >= {"tool", "args", "ours"}


def test_variables_of_a_condition_are_not_those_of_its_macros() -> None:
    assert value("[m for tool in ['x']]", macros={"m": "tool"}) == ["send_email"]


def test_bound_names_stand_for_events_and_values() -> None:
    view = view_of()
    bound = {"from": at_event(view, 1), "to": at_event(view, 3), "value": "bob@acme.com"}
    assert value("from.tool == 'send_email' and value in from.args.to and to.tool == 'bash'", 3, bound=bound, view=view)
    assert value("'from' + str(age(from))", 3, bound=bound, view=view) == "from60.0"


def test_what_a_condition_needs_is_known() -> None:
    assert compiled("args.x == 1 and any_prev(lambda s: s.result)").needs == {"arguments", "results"}
    assert compiled("get(step, 'output.x')", TROY).needs == {"results"}
    assert compiled("cost > 1 and text and usage.input").needs == {"cost", "text", "usage"}
    assert compiled("tool == 'x'").needs == frozenset()


@pytest.mark.parametrize(
    ("text", "lookahead"),
    [
        ("any_next(lambda s: s.tool)", True),
        ("next_steps", True),
        ("steps", True),
        ("any_step(lambda s: s.tool)", True),
        ("any_prev(lambda s: s.tool)", False),
        ("prev_steps[-1:] and step_index and tool", False),
    ],
)
def test_conditions_that_look_ahead_are_known(text: str, lookahead: bool) -> None:
    assert compiled(text).lookahead is lookahead


@pytest.mark.parametrize(
    "text",
    [
        "args.n + 'x'",
        "args.n % tool",
        "args.to * 2",
        "1 / 0",
        "tool < 3",
        "get(step, 3)",
        "age(3)",
        "days('x')",
        "sum(args.to)",
        "step.nothing",
        "effects.nothing",
        "run.nothing",
        "tool.nothing",
    ],
)
def test_what_cannot_be_worked_out_raises(text: str) -> None:
    with pytest.raises((ConditionError, TypeError, ZeroDivisionError)):
        value(text)


def test_what_nothing_tells_is_unknown() -> None:
    with pytest.raises(UnknownError) as caught:
        value("seen('payee', args.to)")
    assert caught.value.needs == ("state",)
    untimed = [(Event("tool_call", tool="a"), Content()), (Event("tool_call", tool="b"), Content())]
    with pytest.raises(UnknownError):
        value("any_prev(lambda s: age(s) > 1)", 1, view=view_of(untimed))


def test_what_was_seen_before_is_known_within_a_run_and_across_runs() -> None:
    state = MemoryState()

    def told(run: str, index: int) -> Any:
        pair = [EVENTS[1], EVENTS[1]]
        whole = Run(run, tuple(event for event, _ in pair), agent="clerk")
        view = RunView(whole, HeldContents(content for _, content in pair), state=state)
        condition = compiled("seen('payee', args.to[0], over=days(1), by='agent')")
        return [condition.value(view, at) for at in range(index + 1)]

    assert told("a", 1) == [False, True]
    assert told("b", 0) == [True]


def test_troy_steps_are_plain_dicts() -> None:
    assert value("step == {'step_id': 'event-1', 'type': 'tool_call'} or 'input' in step", scope=TROY) is True
    assert value("step.get('input', {})['n']", scope=TROY) == 3
    assert value("str(prev_steps[0]['output'])", 1, scope=TROY) == "{'text': 'Mail the report to bob@acme.com'}"
    with pytest.raises(KeyError):
        value("step['nope']", scope=TROY)
    with pytest.raises(TypeError):
        value("get(step, 'input.nothing') > 3", scope=TROY)


def test_long_texts_are_searched_at_both_ends() -> None:
    padding = "x" * (2 << 20)
    events = [(Event("tool_call", tool="t"), Content(result=f"first {padding} last"))]
    view = view_of(events)
    assert value("matches(result, 'first') and matches(result, 'last')", 0, view=view)


def test_identity_with_a_literal_compiles_without_a_warning() -> None:
    assert value("(tool is not 'x') and args.nothing is None") is True
