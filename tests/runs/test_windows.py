from __future__ import annotations

import itertools
from typing import Any

import msgspec
import pytest

from spanwarden.model.event import ContentRef, Usage
from spanwarden.model.observation import Observation
from spanwarden.runs.links import MAX_WAITING
from spanwarden.runs.room import leaving
from spanwarden.runs.weights import KEY, WINDOW
from spanwarden.runs.window import Window
from spanwarden.runs.windows import Decision, Windows, WindowSettings, weight

TRACE = bytes(range(1, 17))
OTHER = bytes(range(2, 18))


def span(number: int, parent: int | None = None, trace: bytes = TRACE, **facts: Any) -> Observation:
    facts.setdefault("kind", "tool_call" if parent else "agent")
    facts.setdefault("keys", ("trace:" + trace.hex(),))
    return Observation(
        trace_id=trace,
        span_id=number.to_bytes(8, "big"),
        parent_id=parent.to_bytes(8, "big") if parent else b"",
        start=number * 10,
        end=number * 10 + 5,
        root=parent is None,
        tool="read_file" if parent else None,
        **facts,
    )


@pytest.fixture
def windows() -> Windows:
    return Windows(WindowSettings(settle=2, idle_timeout=60, max_age=3600, grace=600))


def size_of(*observations: Observation) -> int:
    """Return what a window of one run takes."""
    return WINDOW + sum(KEY + len(key) for key in observations[0].keys) + sum(map(weight, observations))


def only(decisions: list[Decision]) -> Decision:
    assert len(decisions) == 1
    return decisions[0]


def test_a_run_is_decided_when_its_root_has_ended_and_settled(windows: Windows) -> None:
    windows.add([span(2, 1)], now=0)
    windows.add([span(1)], now=10)
    assert windows.due(11.9) == []
    decision = only(windows.due(12))
    assert decision.run.completeness == "root_ended"
    assert decision.revision == 1
    assert decision.waited == 2
    assert {event.kind for event in decision.run.events} == {"tool_call", "agent"}


def test_a_run_without_root_is_decided_when_idle(windows: Windows) -> None:
    windows.add([span(2, 1)], now=0)
    assert windows.due(59.9) == []
    assert only(windows.due(60)).run.completeness == "idle"


def test_an_unseen_parent_keeps_an_ended_root_open(windows: Windows) -> None:
    windows.add([span(3, 2), span(1)], now=0)
    assert windows.due(2) == []
    windows.add([span(2, 1)], now=3)
    assert only(windows.due(5)).run.completeness == "root_ended"


def test_a_bare_model_call_does_not_end_a_run(windows: Windows) -> None:
    call = span(1, kind="llm_call", keys=("trace:" + TRACE.hex(), "call:x"))
    windows.add([Observation(**{**_facts(call), "root": False})], now=0)
    assert windows.due(30) == []
    assert only(windows.due(60)).run.completeness == "idle"


def _facts(observation: Observation) -> dict[str, Any]:
    return {name: getattr(observation, name) for name in observation.__struct_fields__}


def test_a_run_at_max_age_gets_a_provisional_verdict_and_stays_open(windows: Windows) -> None:
    for step in range(72):
        windows.add([span(100 + step, 1)], now=step * 50)
        assert windows.due(step * 50 + 49) == []
    first = only(windows.due(3600))
    assert first.run.completeness == "max_age"
    windows.add([span(1)], now=3601)
    second = only(windows.due(3604))
    assert second.run.completeness == "root_ended"
    assert second.revision == 2
    assert second.run.id == first.run.id
    assert len(second.run.events) == len(first.run.events) + 1


def test_a_late_span_reopens_a_decided_run_within_its_grace(windows: Windows) -> None:
    windows.add([span(2, 1), span(1)], now=0)
    first = only(windows.due(2))
    windows.add([span(3, 1)], now=100)
    assert windows.late == 1
    second = only(windows.due(102))
    assert (second.run.id, second.revision, len(second.run.events)) == (first.run.id, 2, 3)


def test_a_repeated_span_of_a_decided_run_changes_nothing(windows: Windows) -> None:
    windows.add([span(2, 1), span(1)], now=0)
    windows.due(2)
    windows.add([span(2, 1), span(1)], now=5)
    assert windows.duplicates == 2
    assert windows.due(599) == []


def test_after_its_grace_a_run_is_forgotten_and_its_journal_entries_released(windows: Windows) -> None:
    windows.add([span(2, 1, content=ContentRef(7, 0)), span(1, content=ContentRef(8, 0))], now=0)
    windows.due(2)
    assert windows.released() == []
    windows.due(603)
    assert windows.released() == [7, 8]
    assert windows.observations == windows.size == 0
    assert windows.next_deadline() is None


def test_a_shared_key_joins_two_windows(windows: Windows) -> None:
    windows.add([span(1, keys=("trace:a", "prompt:p"), content=ContentRef(1, 0))], now=0)
    windows.add([span(2, trace=OTHER, kind="tool_call", keys=("trace:b",), content=ContentRef(1, 1))], now=0.5)
    assert len(windows) == 2
    link = Observation(kind="decision", source="log", keys=("prompt:p", "trace:b"), content=ContentRef(2, 0))
    windows.add([link], now=1)
    assert len(windows) == 1
    decision = only(windows.due(3))
    assert len(decision.run.trace_ids) == 2
    windows.due(1000)
    assert sorted(windows.released()) == [1, 2]


def test_structure_alone_is_no_run(windows: Windows) -> None:
    windows.add([span(1, kind="span"), span(2, 1, kind="span")], now=0)
    assert windows.due(60) == []
    assert windows.observations == 0


def test_a_root_that_comes_before_the_rest_is_waited_with(windows: Windows) -> None:
    windows.add([span(1, kind="span")], now=0)
    assert windows.due(10) == []
    windows.add([span(2, 1)], now=10)
    assert only(windows.due(12)).run.completeness == "root_ended"


def test_an_explicit_end_ends_a_run_told_by_logs(windows: Windows) -> None:
    prompt = Observation(kind="message", source="log", keys=("prompt:p",), role="user", start=1)
    windows.add([prompt, Observation(kind="end", source="log", keys=("prompt:p",), start=2)], now=0)
    assert only(windows.due(2)).run.completeness == "root_ended"


def test_a_run_beyond_its_limit_is_cut_and_flagged() -> None:
    windows = Windows(WindowSettings(max_run_size=size_of(*[span(2, 1)] * 3)))
    windows.add([span(number, 1) for number in range(2, 7)] + [span(1)], now=0)
    assert windows.dropped == 3
    assert only(windows.due(2)).run.completeness == "limit", "the end counts although there was no room for it"


def test_beyond_the_total_limit_a_run_makes_room() -> None:
    windows = Windows(WindowSettings(max_size=int(1.5 * size_of(span(2, 1), span(3, 1)))))
    windows.add([span(2, 1), span(3, 1)], now=0)
    windows.add([span(2, 1, trace=OTHER), span(3, 1, trace=OTHER)], now=1)
    decision = only(windows.due(1))
    assert decision.run.trace_ids == (TRACE,)
    assert decision.run.completeness == "limit"
    assert windows.observations == 2


def test_close_decides_open_runs_once(windows: Windows) -> None:
    windows.add([span(2, 1), span(3, 9, trace=OTHER)], now=0)
    assert [d.run.completeness for d in windows.close(1)] == ["forced", "forced"]
    assert windows.close(2) == []


def test_a_span_from_the_future_does_not_hold_a_window_open(windows: Windows) -> None:
    windows.add([Observation(**{**_facts(span(2, 1)), "end": 1 << 62})], now=0)
    assert only(windows.due(60)).run.completeness == "idle"


def call(number: int, **facts: Any) -> Observation:
    trace = bytes([number]) * 16
    facts = {"kind": "llm_call", "source": "span", "start": number * 10, "end": number * 10 + 5} | facts
    return Observation(keys=("trace:" + trace.hex(),), trace_id=trace, span_id=bytes([number]) * 8, **facts)


def runs_of(windows: Windows) -> list[set[bytes]]:
    return sorted((set(d.run.trace_ids) for d in windows.close(0)), key=min)


CHAIN = [
    call(1, leads_to=("said:a",)),
    call(2, follows=("said:a",), leads_to=("said:b",)),
    call(3, follows=("said:b",)),
    call(4, leads_to=("said:x",)),
    call(5, leads_to=("said:x",)),
    call(6, follows=("said:y",)),
    call(7, follows=("said:y",)),
]


@pytest.mark.parametrize("order", list(itertools.permutations(range(7)))[::97])
def test_what_follows_is_of_the_run_that_leads_to_it_whatever_comes_first(order: tuple[int, ...]) -> None:
    windows = Windows(WindowSettings())
    for index in order:
        windows.add([CHAIN[index]], 0)
    traces = [o.trace_id for o in CHAIN]
    assert runs_of(windows) == [{*traces[:3]}, *({trace} for trace in traces[3:])]


def test_many_that_lead_to_the_same_stay_apart_and_are_forgotten(windows: Windows) -> None:
    windows.add([call(number, leads_to=("said:a",)) for number in range(1, 201)], 0)
    assert len(windows) == 200
    windows.add([call(201, follows=("said:a",))], 1)
    assert len(windows) == 201 - MAX_WAITING
    windows.due(2000)
    windows.due(4000)
    assert windows.observations == windows.size == 0
    windows.add([call(202, follows=("said:a",)), call(203, leads_to=("said:a",))], 4001)
    assert len(windows) == 1


def test_history_that_every_call_repeats_is_held_once() -> None:
    def said(number: int, sequence: int, position: int) -> Observation:
        facts = {"kind": "message", "source": "message", "history": True, "role": "user", "merge": f"m{sequence}"}
        return call(number, sequence=sequence, content=ContentRef(position, 0, sequence), **facts)

    told = [said(number, sequence, number) for number in range(1, 60) for sequence in range(number)]
    told = [msgspec.structs.replace(o, keys=("conversation:c",)) for o in told]
    forward, backward = Windows(WindowSettings()), Windows(WindowSettings())
    for batch in ([o for o in told if o.content is not None and o.content.position == n] for n in range(1, 60)):
        forward.add(batch, 0)
    for o in reversed(told):
        backward.add([o], 0)
    assert forward.observations == backward.observations == 59
    assert forward.size == backward.size == size_of(*told[-59:])
    one, two = only(forward.close(0)), only(backward.close(0))
    assert one.run == two.run
    assert [e.content[0].position for e in one.run.events] == list(range(1, 60))


def test_a_request_that_nothing_is_kept_of_is_released(windows: Windows) -> None:
    windows.add([span(1, content=ContentRef(1, 0))], now=0)
    windows.due(2)
    windows.add([span(1, content=ContentRef(2, 0))], now=3)
    assert windows.duplicates == 1
    assert windows.released() == [2]


def test_a_server_in_its_clients_process_joins_the_clients_run_once_all_is_sent(windows: Windows) -> None:
    inner = call(9, kind="tool_call", tool="fetch", rank=-2, executed=True, scope="mcp", instance="i", root=True)
    outer = call(1, kind="tool_call", tool="mcp__ws__fetch", executed=True, instance="i", start=80, end=120)
    windows.add([inner], now=0)
    assert windows.due(5) == [], "the client's span may still be on its way"
    windows.add([msgspec.structs.replace(outer, parent_id=b"unseen..")], now=5)
    assert windows.due(6) == []
    assert len(windows) == 1
    assert len(only(windows.due(65)).run.events) == 1
    alone = Windows(WindowSettings())
    alone.add([inner], now=0)
    assert only(alone.due(6)).run.completeness == "root_ended"


def test_joining_after_a_decision_leads_to_a_further_one(windows: Windows) -> None:
    windows.add([span(1, keys=("trace:a",)), span(2, trace=OTHER, kind="agent", keys=("trace:b",))], now=0)
    assert [d.revision for d in windows.due(2)] == [1, 1]
    windows.due(60)
    windows.add([Observation(kind="decision", source="log", keys=("trace:a", "trace:b"))], now=61)
    decision = only(windows.due(63))
    assert decision.revision == 2
    assert len(decision.run.trace_ids) == 2


def silent(number: int, start: int, end: int, **facts: Any) -> Observation:
    usage = Usage(number * 10, 1)
    return call(number, start=start * 10**9, end=end * 10**9, instance="i", usage=usage, merge=f"r{number}", **facts)


def test_calls_without_content_are_one_run_where_the_process_does_one_thing_at_a_time(windows: Windows) -> None:
    windows.add([silent(3, 106, 107), silent(1, 100, 101, expects=True)], now=0)
    windows.add([silent(2, 103, 104, expects=True)], now=5)
    assert windows.due(13) == []
    assert len(windows) == 1
    assert len(only(windows.due(65)).run.events) == 3


def test_calls_without_content_of_a_busy_process_stay_apart(windows: Windows) -> None:
    windows.add([silent(number, 100 + number % 3, 102 + number % 3, expects=True) for number in range(1, 100)], now=0)
    windows.due(10)
    assert len(windows) == 99


def test_a_long_run_without_content_is_one_run_however_it_arrives() -> None:
    told = [silent(number, 100 + 2 * number, 101 + 2 * number, expects=True) for number in range(1, 200)]
    for arrived in (told, told[::-1], told[::2] + told[1::2]):
        windows = Windows(WindowSettings())
        windows.add(arrived, now=0)
        assert len(only(windows.close(0)).run.events) == 199


def test_calls_that_tell_their_history_are_not_tied_by_time(windows: Windows) -> None:
    told = [silent(1, 100, 101, expects=True), silent(2, 103, 104)]
    said = [
        msgspec.structs.replace(o, kind="message", source="message", history=True, usage=None, merge=f"m{o.start}")
        for o in told
    ]
    windows.add([*told, *said], now=0)
    assert len(windows.close(0)) == 2


def test_a_request_is_held_by_every_window_that_took_something_of_it_with_or_without_content() -> None:
    windows = Windows(WindowSettings(settle=1, idle_timeout=10, grace=5))
    windows.add([span(1), span(2, trace=OTHER, keys=("trace:b",))], now=0, position=7)
    windows.add([span(3, 9, trace=OTHER, keys=("trace:b",))], now=0, position=8)
    assert windows.released() == []
    windows.due(1)
    windows.due(6)
    [(keys, positions)] = windows.forgotten()
    assert (keys >= set(span(1).keys), positions) == (True, {7})
    assert windows.released() == []
    windows.due(10)
    windows.due(16)
    assert windows.forgotten() == []
    assert sorted(windows.released()) == [7, 8]
    windows.add([], now=17, position=9)
    assert windows.released() == [9]


# What was told stays; room; waiting


def test_a_decided_run_keeps_its_id_when_an_earlier_trace_of_it_arrives(windows: Windows) -> None:
    windows.add([span(5, keys=("prompt:p", "trace:b"), trace=OTHER)], now=0)
    first = only(windows.due(2))
    windows.add([span(1, keys=("prompt:p", "trace:a"))], now=3)
    second = only(windows.due(5))
    assert second.run.id == first.run.id == OTHER.hex()
    assert second.run.trace_ids == (TRACE, OTHER)
    assert second.absorbed == ()


def test_of_two_told_runs_that_are_one_the_first_told_gives_its_id(windows: Windows) -> None:
    windows.add([span(5, keys=("trace:b",), trace=OTHER)], now=0)
    first = only(windows.due(2))
    windows.add([span(1, keys=("trace:a",)), span(2, 1, keys=("trace:a",)), span(3, 1, keys=("trace:a",))], now=3)
    second = only(windows.due(5))
    windows.add([Observation(kind="decision", source="log", keys=("trace:a", "trace:b"))], now=6)
    joined = only(windows.due(8))
    assert (joined.run.id, joined.absorbed) == (first.run.id, (second.run.id,))
    assert joined.revision == 2


def test_a_late_outer_layer_does_not_rename_what_was_told(windows: Windows) -> None:
    inner = span(7, 6, executed=True, rank=-1)
    windows.add([inner], now=0)
    assert [event.span_id for event in only(windows.due(60)).run.events] == [inner.span_id]
    windows.add([span(6, 1, executed=True, rank=3)], now=61)
    late = only(windows.due(63))
    assert [event.span_id for event in late.run.events if event.kind == "tool_call"] == [inner.span_id]


def test_a_fuller_copy_of_a_span_wins_before_and_after_the_decision(windows: Windows) -> None:
    bare = span(2, 1, executed=True)
    full = msgspec.structs.replace(bare, status="ok", usage=Usage(3, 4), content=ContentRef(9, 0))
    for told in ([bare, full], [full, bare]):
        both = Windows(WindowSettings())
        both.add(told, 0)
        (event,) = only(both.close(0)).run.events
        assert (event.status, event.usage, event.content) == ("ok", Usage(3, 4), (ContentRef(9, 0),))
    windows.add([bare, span(1)], 0)
    assert only(windows.due(2)).run.events[1].status == "unknown"
    windows.add([full], 3)
    assert only(windows.due(5)).run.events[1].usage == Usage(3, 4)
    windows.add([bare, full, msgspec.structs.replace(full, content=ContentRef(11, 3))], 6)
    assert windows.due(600) == []
    assert windows.duplicates == 3


def test_a_run_that_goes_on_gets_a_provisional_verdict_at_every_max_age() -> None:
    windows = Windows(WindowSettings(max_age=100, idle_timeout=60))
    told = []
    for step in range(30):
        windows.add([span(100 + step, 1)], now=step * 10)
        told += [(step * 10, d.run.completeness, d.revision) for d in windows.due(step * 10)]
    assert told == [(100, "max_age", 1), (200, "max_age", 2)]
    assert only(windows.due(350)).run.completeness == "idle"


def fill(windows: Windows, runs: dict[int, int], sender: str, now: float = 0, start: int = 10) -> None:
    """Add open runs of a number of spans each, by the number of their trace."""
    for number, spans in runs.items():
        trace = number.to_bytes(16, "big")
        windows.add([span(start + n, 1, trace=trace) for n in range(spans)], now=now, sender=sender)


def of(number: int) -> tuple[bytes, ...]:
    return (number.to_bytes(16, "big"),)


def test_the_biggest_idle_run_of_the_sender_who_holds_most_makes_room() -> None:
    def window(token: int, size: int, sender: str, last: float = 0, decided: float | None = None) -> Window:
        made = Window(token, 0, sender)
        made.size, made.last, made.decided_at = size, last, decided
        return made

    held = [
        window(1, 300, "meek"),
        window(2, 500, "greedy"),
        window(3, 400, "greedy"),
        window(4, 900, "greedy", last=9),
    ]
    held += [window(5, 10, "greedy", decided=5), window(6, 20, "greedy", decided=4), window(7, 100, "meek")]
    order = [w.token for w in leaving(held, now=10, quiet=2)]
    assert order == [6, 5, 2, 3, 4, 1, 7]


def test_what_is_decided_goes_before_what_is_not_and_others_keep_theirs() -> None:
    windows = Windows(WindowSettings(max_size=60_000))
    windows.add([span(2, 1), span(1)], now=0, sender="a")
    assert len(windows.due(2)) == 1
    fill(windows, {1: 5}, "b", now=3)
    fill(windows, {2: 150}, "a", now=3)
    assert [d.run.trace_ids for d in windows.due(4)] == [of(2)]
    windows.add([span(2, 1)], now=5)
    assert windows.duplicates == 0, "the decided run was forgotten first"
    assert len(windows) == 2


def test_open_runs_are_limited_and_the_flooding_sender_pays() -> None:
    windows = Windows(WindowSettings(max_open=100))
    fill(windows, dict.fromkeys(range(1, 41), 2), "meek")
    fill(windows, dict.fromkeys(range(101, 301), 1), "flood")
    gone = windows.due(5)
    assert len(windows) <= 100
    assert {d.run.completeness for d in gone} == {"limit"}
    assert all(int.from_bytes(d.run.trace_ids[0], "big") > 100 for d in gone)


def test_a_full_run_takes_on_no_keys_either() -> None:
    windows = Windows(WindowSettings(max_run_size=20_000))
    for number in range(2, 5000):
        windows.add([span(number, 1, keys=("trace:a", f"response:{number}"))], now=0)
    assert windows.size < 22_000
    assert windows.dropped > 4900
    assert len(windows._by_key) < 100


def test_after_a_replay_what_is_undecided_waits_anew(windows: Windows) -> None:
    windows.add([span(2, 1), span(1)], now=0)
    windows.add([span(2, 1, trace=OTHER), span(1, trace=OTHER)], now=0)
    windows.add([span(3, 9, trace=bytes(16))], now=1)
    windows.resume(100)
    assert windows.due(101) == []
    assert [d.run.completeness for d in windows.due(102)] == ["root_ended", "root_ended"]
    assert only(windows.due(160)).run.completeness == "idle"


def test_what_waits_is_packed_under_pressure_and_decided_as_if_it_had_not_been() -> None:
    told = [span(number, 1, content=ContentRef(number, 0)) for number in range(2, 40)]
    told += [call(9, kind="message", source="message", history=True, merge=f"m{n}", role="user") for n in (1, 2)]
    told = [msgspec.structs.replace(o, keys=("trace:a",)) for o in told]
    plain, packed = Windows(WindowSettings()), Windows(WindowSettings(max_size=30_000))
    for number, o in enumerate(told):
        plain.add([o], now=number)
        packed.add([o], now=number)
        if number % 10 == 9:
            packed.due(number + 3)
            assert number < 25 or packed.size < 0.6 * plain.size
    repeated = told[-1]
    packed.add([repeated], now=41)
    plain.add([repeated], now=41)
    assert packed.size < 0.5 * plain.size
    one, two = only(plain.close(50)), only(packed.close(50))
    assert one.run == two.run
    # Of equal pieces of history told at the same time nobody knows which one to keep while one is packed.
    assert packed.observations == plain.observations + 1
    assert packed.size < 0.5 * plain.size
    packed.due(53)
    assert packed.size < 0.5 * plain.size
    packed.add([told[5]], now=54)
    assert packed.duplicates == 1
    packed.due(5000)
    assert (packed.size, packed.observations, len(packed)) == (0, 0, 0)
    assert sorted(packed.released()) == list(range(2, 40))


def test_the_heap_does_not_grow_with_what_arrives_for_one_run(windows: Windows) -> None:
    for number in range(2, 5000):
        windows.add([span(number, 1)], now=number / 100)
        windows.due(number / 100)
    assert len(windows._heap) <= 2


def test_ids_told_by_an_earlier_process_are_recalled(windows: Windows) -> None:
    windows.recall([("first", [OTHER]), ("second", [TRACE, OTHER])])
    windows.add([span(1, keys=("prompt:p", "trace:a")), span(5, keys=("prompt:p", "trace:b"), trace=OTHER)], now=0)
    decision = only(windows.due(2))
    assert (decision.run.id, decision.absorbed) == ("first", ("second",))
    windows.add([span(2, 1, trace=bytes(15) + b"x"), span(1, trace=bytes(15) + b"x")], now=3)
    assert only(windows.due(5)).run.id == (bytes(15) + b"x").hex()


def test_grace_ends_early_for_those_decided_first() -> None:
    windows = Windows(WindowSettings(settle=1, grace=600))
    for number in range(4):
        windows.add([span(1, trace=bytes([number + 1]) * 16, keys=(f"trace:{number}",))], number * 10, position=number)
        windows.due(number * 10 + 1)
    windows.add([span(2, 9, trace=OTHER, keys=("trace:open",))], now=50, position=9)
    assert windows.end_grace(0.5) == 2
    assert sorted(windows.released()) == [0, 1]
    assert windows.end_grace(1) == 2
    assert windows.end_grace(1) == 0
    assert len(windows) == 1


@pytest.mark.parametrize("decided", [False, True])
def test_a_server_whose_run_was_decided_joins_the_clients_run_when_that_comes(windows: Windows, decided: bool) -> None:
    inner = call(9, kind="tool_call", tool="fetch", rank=-2, executed=True, scope="mcp", instance="i", root=True)
    outer = call(1, kind="tool_call", tool="mcp__ws__fetch", executed=True, instance="i", start=80, end=120)
    windows.add([inner], now=0)
    first = windows.due(6) if decided else []
    other = msgspec.structs.replace(outer, trace_id=bytes(16), span_id=b"x" * 8, keys=("trace:x",), start=60 * 10**9)
    other = msgspec.structs.replace(other, end=61 * 10**9)
    windows.add([other], now=100 if decided else 1)
    windows.add([msgspec.structs.replace(outer, parent_id=b"unseen..")], now=101 if decided else 1)
    ended = [d for d in windows.due(200) if inner.trace_id in d.run.trace_ids]
    assert len(only(ended).run.events) == 1
    assert set(only(ended).run.trace_ids) == {inner.trace_id, outer.trace_id}
    assert [d.run.id for d in first] == ([only(ended).run.id] if decided else [])
    windows.due(10_000)
    assert windows.size == 0
    assert windows._hosting._outer == windows._hosting._inner == {}
