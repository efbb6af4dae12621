"""The three ways to add an observation amount to one."""

from __future__ import annotations

from spanwarden.dialects.base import Origin, Shared, Sightings, trace_keys
from spanwarden.dialects.messages import Said, message_digest
from spanwarden.dialects.threads import Thread
from spanwarden.model.event import Effect, Usage
from spanwarden.model.observation import Observation

ORIGIN = Origin({}, "scope", "1", "service", "instance")
SHARED = Shared(("k",), "d", "r", "c", "s", b"t", b"i", b"p", "a", "b", ("l",), ("f",), True)
FACTS = {field: getattr(SHARED, field) for field in Shared.__struct_fields__}


def told(out: Sightings) -> Observation:
    [seen] = out.observations
    return seen


def sightings() -> Sightings:
    out = Sightings(7)
    out.begin(3, ORIGIN)
    return out


def test_what_is_told_by_position_is_what_is_added_by_name() -> None:
    facts = {
        "kind": "tool_call",
        "start": 1,
        "end": 2,
        "status": "ok",
        "source": "log",
        "sequence": 3,
        "tool": "ls",
        "model": "m",
        "provider": "p",
        "role": "r",
        "merge": "x",
        "alias": "y",
        "effects": (Effect("shell"),),
        "usage": Usage(1, 2),
        "root": True,
        "executed": True,
        "rank": 4,
        "history": True,
        "digest": "z",
        "expects": True,
    }
    named, placed = sightings(), sightings()
    named.add(None, cost_usd=0.5, cost_source="reported", **FACTS, **facts)
    placed.tell(SHARED, None, cost=0.5, **facts)  # type: ignore[arg-type]
    assert told(placed) == told(named)
    given = {*FACTS, *facts, "cost_usd", "cost_source", "scope", "instance", "content"}
    assert given == set(Observation.__struct_fields__), "a new field is to be told too"


def test_where_a_span_stands_is_what_is_told_of_it_with_nothing_else() -> None:
    for parent in (b"", b"p" * 8):
        shared = Shared(trace_keys(b"t" * 16), "unknown", None, None, "service", b"t" * 16, b"i" * 8, parent)
        placed, standing = sightings(), sightings()
        placed.tell(shared, None, "span", 1, 2, root=not parent)
        standing.stand("service", b"t" * 16, b"i" * 8, parent, 1, 2)
        assert told(standing) == told(placed)
    loading = Sightings(7, loading=True)
    loading.stand("service", b"t" * 16, b"i" * 8, b"", 1, 2)
    assert (loading.loads, loading.observations) == ([None], [])


def test_what_is_said_is_what_is_added_by_name() -> None:
    for history in (False, True):
        named, said = sightings(), sightings()
        digest = message_digest("user", "Hi")
        times = {"start": 5, "end": 5, "sequence": 2, "history": history}
        named.add(list, **FACTS, **times, kind="message", source="message", role="user", merge=digest)
        said.say(SHARED, Said("user", "Hi"), 5, 2, history)
        assert told(said) == told(named)


def test_only_the_first_observation_of_a_record_is_tied() -> None:
    tied = Thread(("more",), ("leads",), ("follows",))
    ways = []
    for way in ("add", "tell", "say"):
        out = sightings()
        out.tie(tied, "conversation")
        for _ in range(2):
            if way == "add":
                out.add(None, kind="span", **FACTS)
            elif way == "tell":
                out.tell(SHARED, None, "span", 0, 0)
            else:
                out.say(SHARED, Said("user", "Hi"), 0, 0, False)
        first, second = out.observations
        ways.append((first.keys, first.leads_to, first.follows, first.conversation))
        assert (second.keys, second.leads_to, second.conversation) == (("k",), ("l",), "c")
    assert ways == [(("k", "more"), ("leads",), ("follows",), "conversation")] * 3


def test_contents_are_loaded_by_the_number_of_their_part() -> None:
    out = Sightings(7, loading=True)
    out.begin(3, ORIGIN)
    out.tell(SHARED, None, "span", 0, 0)
    out.say(SHARED, Said("user", "Hi"), 0, 0, False)
    out.add(None, kind="span", keys=())
    assert out.loads is not None
    assert [load().text if load else None for load in out.loads] == [None, "Hi", None]
    assert out.observations == []


def test_records_of_a_trace_share_one_tuple_of_keys() -> None:
    assert trace_keys(b"\x01" * 16) is trace_keys(bytes([1]) * 16)
    assert trace_keys(b"\x01" * 16) == ("trace:" + "01" * 16,)


def test_what_is_worked_out_once_is_the_same_for_another_request_and_not_for_another_tool() -> None:
    one, two = sightings(), sightings()
    first = one.effects("read_file", {"path": "a"}, digest="same")
    assert two.effects("read_file", {"path": "a"}, digest="same") is first
    assert two.effects("write_file", {"path": "a"}, digest="same") != first
    assert one.effects("read_file", None) == (Effect("file_read"),)
