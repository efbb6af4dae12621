"""tracegate's `forbidden_flows`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from spanwarden.model.event import Event
from spanwarden.model.finding import Evidence, Finding
from spanwarden.policy.document import Field
from spanwarden.policy.rules.base import RunView
from spanwarden.policy.rules.categories import flow_name, flow_names


@dataclass(frozen=True, slots=True)
class Flow:
    """`source -> target`: as shown, and as names are compared."""

    source: str
    target: str
    shown: str


@dataclass(frozen=True, slots=True)
class ForbiddenFlows:
    """Nothing named `target` may come anywhere after something named `source`.

    One finding a flow and turn of the target, with the first source as evidence. An event never flows to itself, and
    a flow that is named twice counts once.
    """

    flows: tuple[Flow, ...]
    id = "flow-forbidden"
    early = True

    def __post_init__(self) -> None:
        named: dict[tuple[str, str], Flow] = {}
        for flow in self.flows:
            named.setdefault((flow.source, flow.target), flow)
        object.__setattr__(self, "flows", tuple(named.values()))

    def watches(self, event: Event, /) -> bool:
        """Tell whether a flow may begin or end at the event: spans come in any order."""
        names = flow_names(event)
        return any(flow.source in names or flow.target in names for flow in self.flows)

    def evaluate(self, view: RunView, /) -> Iterator[Finding]:
        """Judge one run, in one pass."""
        sources: dict[str, int] = {}
        by_target: dict[str, list[int]] = {}
        for number, flow in enumerate(self.flows):
            by_target.setdefault(flow.target, []).append(number)
        wanted = {flow.source for flow in self.flows}
        told: set[tuple[int, int]] = set()
        for index, event in enumerate(view.events):
            names = flow_names(event)
            turn = event.turn if event.turn is not None else -1 - index
            hit = (number for name in names & by_target.keys() for number in by_target[name])
            for number in sorted(hit):
                flow = self.flows[number]
                first = sources.get(flow.source)
                if first is None or (number, turn) in told:
                    continue
                told.add((number, turn))
                yield self._finding(view, flow, first, index)
            for name in names & wanted:
                sources.setdefault(name, index)

    def _finding(self, view: RunView, flow: Flow, source: int, sink: int) -> Finding:
        return Finding(
            self.id,
            "high",
            "Forbidden flow",
            f"{flow.shown} is forbidden by the policy; it began with {_named(view, source)}.",
            "",
            evidence=(Evidence(source, "source"), Evidence(sink, "sink")),
            turn=view.events[sink].turn,
            code="FORBIDDEN_FLOW",
            subject=flow.shown,
        )


def _named(view: RunView, index: int) -> str:
    event = view.events[index]
    place = f"turn {event.turn}" if event.turn is not None else f"event {index}"
    return f"{event.tool} at {place}" if event.tool else place


def flow_from(field: Field) -> Flow:
    """Read one `A->B`. Raises PolicyError for text that could never match."""
    text = field.text()
    source, arrow, target = text.partition("->")
    if not arrow:
        # tracegate drops every "-" before it looks for ">", so a bare ">" is an arrow too.
        source, arrow, target = text.partition(">")
        if not arrow or source.rstrip().endswith("="):
            field.fail(f'{text[:60]!r} can never match: write it as "WebFetch->Shell"')
    if not flow_name(source) or not flow_name(target):
        field.fail(f'{text[:60]!r} needs a name on either side of "->"')
    if ">" in target:
        field.fail(f"{text[:60]!r} has more than one arrow: write one entry for each pair")
    return Flow(flow_name(source), flow_name(target), f"{source.strip()} -> {target.strip()}")
