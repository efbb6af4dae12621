"""One run while conditions are worked out on it: what they read, loaded once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from spanwarden.policy.expressions import steps
from spanwarden.policy.expressions.work import Work
from spanwarden.policy.metadata import Metadata
from spanwarden.policy.rules.base import RunView

Predicate = Callable[[Any], Any]
_ACTIONS = frozenset(["tool_call", "retrieval"])
_MODELS = frozenset(["llm_call"])
_SPEAKING = frozenset(["message"])


def running(view: RunView) -> Running:
    """Return the run of a view as conditions see it, one for all conditions."""
    return view.once("expressions.running", lambda: Running(view))


class Running:
    """A run under evaluation. Every `index` is an event's position in it."""

    def __init__(self, view: RunView) -> None:
        self.view = view
        self.run = view.run
        self.events = view.events
        self.asked: set[str] = set()
        """What conditions asked for, since this was cleared, on events that should carry it and do not."""
        self.lacking: set[int] = set()
        """Events on which something was asked for in vain."""
        self._steps: dict[int, dict[str, Any]] = {}
        self._effects: dict[int, steps.Effects] = {}
        self._metadata: dict[int, Metadata] = {}
        self._work: dict[int, Work] = {}
        self._searches: dict[int, _Search] = {}
        self._loaders: Mapping[str, Callable[[int], Any]] = {
            "args": self.args,
            "result": self.result,
            "text": self.text,
            "error": self.error,
            "usage": self.usage,
            "effects": self.effects,
            "metadata": self.metadata,
            "run": self.own_run,
        }
        self.run_view = steps.RunField(self)
        metadata = dict(self.run.metadata or {})
        self.agent_dict = {"name": self.run.agent, "metadata": metadata}
        self.trace_dict = {"agent_name": self.run.agent, "metadata": metadata}
        if self.run.id:  # an action that is only asked about belongs to no trace yet
            self.trace_dict = {"trace_id": self.run.id, **self.trace_dict}

    def load(self, name: str, index: int) -> Any:
        """Return what a loaded field of an event holds."""
        return self._loaders[name](index)

    def work(self, key: int) -> Work:
        """Return what is left of a condition's steps on this run."""
        found = self._work.get(key)
        if found is None:
            found = self._work[key] = Work()
        return found

    def args(self, index: int) -> Any:
        """Return the arguments of a call, None where they are not known."""
        value = self.view.content(index).arguments
        if value is None:
            self._lacks("arguments", index, _ACTIONS)
        return value

    def result(self, index: int) -> Any:
        """Return what a call returned, None where it is not known."""
        content = self.view.content(index)
        if content.result is None and content.error is None:
            self._lacks("results", index, _ACTIONS)
        return content.result

    def text(self, index: int) -> str | None:
        """Return the words of a message or answer."""
        value = self.view.content(index).text
        if value is None:
            self._lacks("text", index, _SPEAKING)
        return value

    def error(self, index: int) -> str | None:
        """Return the error text of a failed call."""
        return self.view.content(index).error

    def usage(self, index: int) -> dict[str, int] | None:
        """Return the tokens of a model call."""
        usage = self.events[index].usage
        if usage is None:
            self._lacks("usage", index, _MODELS)
            return None
        return msgspec.structs.asdict(usage)

    def _lacks(self, what: str, index: int, kinds: frozenset[str]) -> None:
        if self.events[index].kind in kinds:
            self.asked.add(what)
            self.lacking.add(index)

    def effects(self, index: int) -> steps.Effects:
        """Return what an event did to the world."""
        found = self._effects.get(index)
        if found is None:
            found = self._effects[index] = steps.effects_of(self.events[index].effects)
        return found

    def metadata(self, index: int) -> dict[str, Any]:
        """Return the facts about an event: those that it was told with, and all that is derived."""
        found = self._metadata.get(index)
        if found is None:
            found = self._metadata[index] = Metadata(self.view, index)
        return found

    def step_metadata(self, index: int) -> dict[str, Any]:
        """Return troy's metadata of an event: of one that was told in troy's format nothing but what was told."""
        own = self._own(index)
        return self.metadata(index) if own is None else own["metadata"]

    def _own(self, index: int) -> Mapping[str, Any] | None:
        event = self.events[index]
        return steps.own_step(event, self.view.content(index)) if event.dialect == steps.TROY else None

    def own_run(self, index: int) -> steps.RunField:
        """Return the run."""
        return self.run_view

    def step_type(self, index: int) -> str:
        """Return troy's type of an event."""
        own = self._own(index)
        return steps.step_type(self.events[index]) if own is None else str(own["type"])

    def description(self, index: int) -> str:
        """Return troy's description of an event."""
        own = self._own(index)
        return steps.description(self.events[index]) if own is None else str(own["description"])

    def step_input(self, index: int) -> Any:
        """Return troy's input of an event."""
        own = self._own(index)
        if own is not None:
            return own["input"]
        self.args(index)
        return steps.step_input(self.events[index], self.view.content(index))

    def step_output(self, index: int) -> Any:
        """Return troy's output of an event."""
        own = self._own(index)
        if own is not None:
            return own["output"]
        self.result(index)
        return steps.step_output(self.view.content(index))

    def step_id(self, index: int) -> str:
        """Return troy's id of a step: its own in troy's format, else its span id or position."""
        own = self._own(index)
        return self.events[index].span_id.hex() or f"event-{index}" if own is None else str(own["step_id"])

    def step(self, index: int) -> dict[str, Any]:
        """Return an event as troy's step."""
        found = self._steps.get(index)
        if found is None:
            found = self._steps[index] = {
                "step_id": self.step_id(index),
                "type": self.step_type(index),
                "description": self.description(index),
                "input": self.step_input(index),
                "output": self.step_output(index),
                "metadata": self.step_metadata(index),
            }
        return found

    def event(self, index: int) -> steps.EventField:
        """Return an event with its fields."""
        return steps.EventField(self, index)

    def some(self, at: Callable[[int], Any], lo: int, hi: int, work: Work) -> steps.Steps:
        """Return the steps from `lo` to before `hi`."""
        return steps.Steps(at, lo, hi, work)

    def any_of(self, predicate: Predicate, at: Callable[[int], Any], lo: int, hi: int, work: Work) -> bool:
        """Tell whether a predicate holds for any of some steps."""
        for index in range(lo, hi):
            work.take(1)
            if predicate(at(index)):
                return True
        return False

    def search(self, key: int, predicate: Predicate, at: Callable[[int], Any], work: Work) -> _Search:
        """Return the search for a predicate that depends on its step alone: done once a run, not once an event."""
        found = self._searches.get(key)
        if found is None:
            found = self._searches[key] = _Search(predicate, at, len(self.events), work)
        return found


class _Search:
    """Where a predicate first holds, or first fails, at or after every step."""

    __slots__ = ("_at", "_count", "_first", "_following", "_predicate", "_seen", "_work")

    def __init__(self, predicate: Predicate, at: Callable[[int], Any], count: int, work: Work) -> None:
        self._predicate = predicate
        self._at = at
        self._count = count
        self._work = work
        self._seen = 0
        self._first: tuple[int, Exception | None] | None = None
        self._following: list[tuple[int, Exception | None] | None] | None = None

    def before(self, index: int) -> bool:
        """Tell whether the predicate holds for a step before `index`; raise what it raised before it held."""
        while self._first is None and self._seen < index:
            self._first = self._tried(self._seen)
            self._seen += 1
        return self._answer(self._first if self._first is not None and self._first[0] < index else None)

    def after(self, index: int) -> bool:
        """Tell whether the predicate holds for a step after `index`."""
        if self._following is None:
            following: list[tuple[int, Exception | None] | None] = [None] * (self._count + 1)
            for place in range(self._count - 1, -1, -1):
                following[place] = self._tried(place) or following[place + 1]
            self._following = following
        return self._answer(self._following[index + 1])

    def _tried(self, index: int) -> tuple[int, Exception | None] | None:
        self._work.take(1)
        try:
            return (index, None) if self._predicate(self._at(index)) else None
        except Exception as error:  # noqa: BLE001 - kept for the events whose condition comes to this step
            return (index, error)

    @staticmethod
    def _answer(found: tuple[int, Exception | None] | None) -> bool:
        if found is None:
            return False
        if found[1] is not None:
            raise found[1].with_traceback(None)
        return True
