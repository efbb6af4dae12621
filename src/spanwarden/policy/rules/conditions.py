"""Conditions inside of rules: `where` of selectors, `expr` of exceptions; `unless` see `excuses`.

A condition that fails on an event does not hold there, and is told of: `troubles` keeps what went wrong, for the policy
to report once the rule has been judged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from spanwarden.policy.document import Field
from spanwarden.policy.rules.base import RunView
from spanwarden.policy.vocabulary import Vocabulary

if TYPE_CHECKING:
    from spanwarden.policy.expressions.condition import Condition

_NOTHING: Mapping[str, Any] = {}


class Troubles:
    """What went wrong with conditions since it was last taken: errors and how often they came, and what was lacking."""

    def __init__(self) -> None:
        self.errors: dict[str, int] = {}
        self.needs: set[str] = set()

    def take(self) -> tuple[dict[str, int], set[str]]:
        """Return all of it, and forget it."""
        taken = self.errors, self.needs
        self.errors, self.needs = {}, set()
        return taken

    def add(self, errors: Mapping[str, int], needs: Iterable[str]) -> None:
        """Take in what was taken, or what came of it."""
        for what, count in errors.items():
            self.errors[what] = self.errors.get(what, 0) + count
        self.needs.update(needs)


def troubles(view: RunView) -> Troubles:
    """Return the troubles of a run's conditions."""
    return view.once("conditions.troubles", Troubles)


class Test:
    """A compiled condition on one event and events bound by name."""

    __slots__ = ("_bound", "_condition", "needs", "where")

    def __init__(self, where: Field, condition: Condition, bound: frozenset[str]) -> None:
        self.where = where
        self.needs: frozenset[str] = condition.needs
        """What telemetry must carry for it."""
        self._condition = condition
        self._bound = bound

    def holds(
        self, view: RunView, index: int, bound: Mapping[str, int] = _NOTHING, facts: Mapping[str, Any] = _NOTHING
    ) -> bool:
        """Tell whether it holds for the event at `index`; one that fails or cannot be known does not.

        bound: events by name, as positions; a name that is bound to nothing makes the condition fail. facts: values.
        """
        return bool(self.value(view, index, bound, facts))

    def value(
        self, view: RunView, index: int, bound: Mapping[str, int] = _NOTHING, facts: Mapping[str, Any] = _NOTHING
    ) -> Any:
        """Return what it comes to, None where it fails or cannot be known."""
        from spanwarden.policy.expressions.condition import at_event
        from spanwarden.policy.expressions.errors import UnknownError, described
        from spanwarden.policy.expressions.running import running

        run = running(view)
        run.asked.clear()
        given = {name: at_event(view, place) for name, place in bound.items() if name in self._bound} | dict(facts)
        try:
            return self._condition.value(view, index, given)
        except UnknownError as error:
            troubles(view).needs.update(error.needs)
        except Exception as error:  # noqa: BLE001 - one condition on one event must not end the rule
            place = f"{self.where.key}: {described(error)}"
            counts = troubles(view).errors
            counts[place] = counts.get(place, 0) + 1
        finally:
            if run.asked:
                troubles(view).needs.update(run.asked)
                run.asked.clear()
        return None


def compile_test(place: Field, vocabulary: Vocabulary, bound: Iterable[str] = ()) -> Test:
    """Compile the condition in a field; it may use the names in `bound`. Raises PolicyError."""
    from spanwarden.policy.expressions.condition import compile_condition

    names = frozenset(bound)
    condition = compile_condition(place, macros=vocabulary.macros, lists=vocabulary.lists, bound=names)
    return Test(place, condition, names)
