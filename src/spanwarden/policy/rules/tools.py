"""tracegate's `forbidden_tools`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from spanwarden.model.event import Event
from spanwarden.model.finding import Evidence, Finding
from spanwarden.policy.rules.base import RunView
from spanwarden.policy.rules.categories import categories, tool_name


@dataclass(frozen=True, slots=True)
class ForbiddenTools:
    """No event may use one of the tools, named by tool or by category: one finding an event.

    Names are compared without case, `_` and `-`.
    """

    tools: tuple[str, ...]
    id = "tool-forbidden"
    early = True
    _names: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_names", frozenset(map(tool_name, self.tools)))

    def evaluate(self, view: RunView, /) -> Iterator[Finding]:
        """Judge one run."""
        for index, event in enumerate(view.events):
            shown = self._used(event)
            if shown is not None:
                yield Finding(
                    self.id,
                    "high",
                    "Forbidden tool",
                    f"The run used {shown}, which the policy forbids.",
                    "",
                    evidence=(Evidence(index, "sink"),),
                    turn=event.turn,
                    code="FORBIDDEN_TOOL",
                )

    def watches(self, event: Event, /) -> bool:
        """Tell whether the event uses one of the tools."""
        return self._used(event) is not None

    def _used(self, event: Event) -> str | None:
        shown = next((name for name in categories(event) if tool_name(name) in self._names), None)
        return event.tool if shown is None and event.tool and tool_name(event.tool) in self._names else shown
