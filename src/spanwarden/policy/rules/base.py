"""What a rule family provides, and what a rule sees of a run."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Protocol, TypeVar, runtime_checkable

from spanwarden.model.event import Content, Event
from spanwarden.model.finding import Finding, NotEvaluable
from spanwarden.model.run import Contents, Run
from spanwarden.policy.metadata_table import DEFAULT, MetadataTable

if TYPE_CHECKING:
    from spanwarden.policy.state import CrossRunState

T = TypeVar("T")


class RunView:
    """One run under evaluation: its events, their content, and results that several rules share.

    `earlier` are the runs of the same conversation that came before, oldest first and without content, None where they
    are not known. `state` knows other runs, None where there is nothing that does; `policy` is the name that it keeps
    things under. `table` is what metadata is derived by.
    """

    def __init__(
        self,
        run: Run,
        contents: Contents,
        *,
        earlier: Sequence[Run] | None = (),
        state: CrossRunState | None = None,
        policy: str = "",
        table: MetadataTable = DEFAULT,
    ) -> None:
        self.run = run
        self.contents = contents
        self.earlier = earlier
        self.state = state
        self.policy = policy
        self.table = table
        self.events: Sequence[Event] = run.events
        """The events in order."""
        self.taken: dict[int, Sequence[int]] = {}
        """Events that selectors take; see `content_index.taken`."""
        self._shared: dict[Hashable, object] = {}

    def content(self, index: int) -> Content:
        """Return the content of an event."""
        return self.contents[index]

    def once(self, key: Hashable, compute: Callable[[], T]) -> T:
        """Return `compute()`, worked out once per run however many rules ask for it under this key."""
        try:
            return self._shared[key]  # type: ignore[return-value]
        except KeyError:
            pass
        found = self._shared[key] = compute()
        return found

    def forget(self) -> None:
        """Let go at the end of what was worked out: much of it holds this view, which only the collector would find."""
        self._shared.clear()


class Rule(Protocol):
    """One compiled rule.

    `evaluate` yields findings (their policy fields and ids are filled in by the policy), or a single NotEvaluable
    where the run lacks what the rule needs. Work must grow linearly with the run.
    """

    @property
    def id(self) -> str:
        """Return the rule's id, unique within its policy."""
        ...

    def evaluate(self, view: RunView, /) -> Iterable[Finding | NotEvaluable]:
        """Judge one run."""
        ...


@runtime_checkable
class EarlyRule(Rule, Protocol):
    """A rule that can be judged while its run goes on, because nothing that comes later can un-break it.

    It is then shown a run that holds only what is certain: calls that were seen to succeed, and costs that were
    reported. What it finds there under its own id it must find again, under the same ids, in the run as a whole.
    """

    @property
    def early(self) -> bool:
        """Return whether this holds for the rule as it was written; where not, it is judged at the end only."""
        ...

    def watches(self, event: Event, /) -> bool:
        """Tell whether the rule should be judged anew because of this event. Cheap: asked for every certain event."""
        ...
