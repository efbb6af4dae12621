"""Run windows: which run an observation belongs to and when the run is complete.

A state machine that is handed the time. Arrival time (seconds of a monotonic clock, given by the caller) drives every
timeout; event time only orders. Two observations that share a key share a window; an observation whose keys belong to
two windows joins them.

A window is decided when its root has ended, every trace in it has its top and every parent has been seen, and nothing
has arrived for `settle`; else when nothing has arrived for `idle_timeout`; at every `max_age` that it stays open it
gets a provisional decision. A decided window is kept for `grace`: something new in it leads to a further decision of
the same run, a repetition changes nothing.

A run keeps the id that it was first told with, and its events keep the spans that they were told with, whatever
arrives later. Of two told runs that turn out to be one, the id of the one that was told first stays; the other's is
handed on in `Decision.absorbed`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable

import msgspec

from spanwarden.model.event import Event
from spanwarden.model.observation import Observation
from spanwarden.model.run import Completeness, Run
from spanwarden.runs.assemble import assemble
from spanwarden.runs.calls import Calls
from spanwarden.runs.conversations import Conversations
from spanwarden.runs.costs import Prices
from spanwarden.runs.decision import Decision
from spanwarden.runs.early import certain, certain_part
from spanwarden.runs.hosting import Hosting
from spanwarden.runs.idle import Idle
from spanwarden.runs.links import Links
from spanwarden.runs.looks import Looks
from spanwarden.runs.merging import names
from spanwarden.runs.references import References
from spanwarden.runs.room import first_decided, to_leave
from spanwarden.runs.ties import answer_keys, bare, goes_on_from, loose_ties, seeks
from spanwarden.runs.weights import weight
from spanwarden.runs.window import Window, WindowSettings, speaks

__all__ = ["Decision", "Window", "WindowSettings", "Windows", "weight"]


class Windows:
    """All windows of one pipeline. Not thread-safe; one thread owns it.

    settings, prices, alerts: may be replaced at any time; what is decided from then on goes by them.
    alerts: tells whether an event may break a rule that need not wait for the end of its run; None: nothing is early.
    """

    def __init__(
        self,
        settings: WindowSettings,
        prices: Prices | None = None,
        alerts: Callable[[Event], bool] | None = None,
    ) -> None:
        self.settings = settings
        self.prices = prices
        self.alerts = alerts
        self.late = 0
        self.duplicates = 0
        self.dropped = 0
        self._by_key: dict[str, Window] = {}
        self._links = Links()
        self._calls = Calls()
        self._hosting = Hosting(self._opened)
        self._windows: dict[int, Window] = {}
        self._heap: list[tuple[float, int]] = []
        self._references = References()
        self._conversations = Conversations(settings.conversation_memory)
        self._looks = Looks()
        self._idle = Idle()
        self._told = 0
        self._recalled: dict[bytes, tuple[int, str]] = {}
        self._awaited: list[Observation] = []
        self._next_token = 0
        self._open = 0
        self._observations = 0
        self._size = 0

    def __len__(self) -> int:
        """Return the number of undecided windows. May be asked from any thread."""
        return self._open

    @property
    def observations(self) -> int:
        """Return how many observations are held, those of decided windows in their grace included."""
        return self._observations

    @property
    def size(self) -> int:
        """Return about how many bytes of memory they hold."""
        return self._size

    def add(
        self, observations: Iterable[Observation], now: float, position: int | None = None, sender: str = ""
    ) -> None:
        """Take in observations that arrived at `now`.

        position: the journal's of the request that told them all; it is referred to by every window that took one of
        them in, with content or without, so that a restart finds all of it. Without, only content is referred to.
        sender: whose they are (a tenant, a peer); where memory is short, who holds most makes room first.
        """
        alerts, most = self.alerts, self.settings.max_run_size
        touched: dict[int, Window] = {}
        positions: dict[int, None] = {} if position is None else {position: None}
        count = held = weight_added = 0
        window: Window | None = None
        keys: tuple[str, ...] = ()
        for observation in observations:
            count += 1
            content = observation.content
            if content is not None:
                positions[content.position] = None
            known = window if observation.keys is keys and speaks(observation) else None
            # Most of what a model is sent was told before; as part of a record that is taken in it changes nothing.
            if known is not None and known.repeats(observation):
                continue
            size = weight(observation)
            if known is not None and known.size + size <= most:
                window = known
            else:
                window = self._window(observation, size, now, sender)
                if window is None:
                    continue
                keys = observation.keys
                touched[window.token] = window
            before, weighed = len(window.fresh), window.size
            taken = window.take(observation, size)
            held += len(window.fresh) - before
            weight_added += window.size - weighed
            if position is None and taken and content is not None:
                self._references.hold(window, content.position)
            # Only these can be layers of calls that other traces tell of, or lead to them.
            if observation.source == "span" and (not observation.parent_id or observation.kind == "tool_call"):
                self._note_layers(window, observation)
            if alerts is not None and window.look_at is None and (window.alarmed or certain(observation)):
                self._looks.watch(window, observation, now + self.settings.early_debounce, alerts)
        self._observations += held
        self._size += weight_added
        self._looks.earn(count)
        awaited, self._awaited = self._awaited, []
        for observation in awaited:
            self._adopt(observation)
        for window in touched.values():
            self._taken_in(window, position)
        self._references.offered(positions)

    def due(self, now: float) -> list[Decision]:
        """Return the runs that are to be judged at `now`, and forget those whose grace has passed."""
        decisions: list[Decision] = []
        while self._heap and self._heap[0][0] <= now:
            at, token = heapq.heappop(self._heap)
            window = self._windows.get(token)
            if window is None or at != window.scheduled:
                continue  # joined, or scheduled anew
            window.scheduled = float("inf")
            if window.deadline(self.settings) > now:
                if window.look_at is not None and window.look_at <= now:
                    decisions += self._look(window)
                self._schedule(window)
            elif window.decided_at is not None:
                self._forget(window)
            elif window.untied and now >= window.last + window.patience(self.settings):
                tied = self._tie_together(window)
                if tied.alarmed and tied.decided_at is None:
                    tied.look_at = now
                self._schedule(tied)
            else:
                decisions += self._decide(window, now)
        for window in self._idle.due(self._windows, now, self.settings, self._size):
            weighed = window.size
            window.pack()
            self._size += window.size - weighed
        for window in to_leave(self._windows, now, self.settings, self._size, self._open):
            decisions += self._evict(window, now)
        return decisions

    def next_deadline(self) -> float | None:
        """Return the earliest time at which `due` may have something to do, None if there is nothing."""
        return self._heap[0][0] if self._heap else None

    def recall(self, told: Iterable[tuple[str, Iterable[bytes]]]) -> None:
        """Go on calling runs by the ids that an earlier process told them with, in the order in which they were told.

        told: ids and trace ids of runs of which more may come; replaces what was recalled before.
        """
        self._recalled = {}
        for number, (run_id, trace_ids) in enumerate(told):
            for trace_id in trace_ids:
                self._recalled.setdefault(trace_id, (number, run_id))

    def resume(self, now: float) -> None:
        """Begin anew to wait for what is not decided: senders may only now come again with what they could not send."""
        for window in self._windows.values():
            if window.decided_at is None:
                window.last = max(window.last, now)
                self._schedule(window)

    def close(self, now: float, completeness: Completeness = "forced") -> list[Decision]:
        """Decide every open window at once, in order of first arrival."""
        for each in list(self._windows.values()):
            window = each.now()
            while window.untied:  # what it joins may be waiting for more
                window = self._tie_together(window)
        open_windows = [w for w in self._windows.values() if w.decided_at is None and w.has_event]
        return [self._judge(w, now, "root_ended" if w.ended() else completeness) for w in open_windows]

    def released(self) -> list[int]:
        """Return the journal positions that no window refers to any more since the last call."""
        return self._references.released()

    def forgotten(self) -> list[tuple[frozenset[str], frozenset[int]]]:
        """Return the keys of windows that were forgotten since the last call, each with the positions that others hold.

        What those positions tell of these keys is over and done with. Windows that shared no position are left out.
        """
        return self._references.forgotten()

    # What arrives

    def _window(self, observation: Observation, size: int, now: float, sender: str) -> Window | None:
        """Return the window that is to take an observation, after joining all that it ties together.

        None where it is not to be taken: the window is full, or decided and knows it.
        """
        keys = observation.keys
        if not observation.parent_id:
            keys += answer_keys(observation)
        window: Window | None = None
        unknown = False
        for key in keys:
            found = self._by_key.get(key)
            if found is None:
                unknown = True
            elif found is not window:
                window = found if window is None else self._join(window, found)
        if window is None:
            window = Window(self._next_token, now, sender)
            self._next_token += 1
            self._open += 1
            self._size += window.size
            self._windows[window.token] = window
        elif window.size + size > self.settings.max_run_size:
            self._let_go(window, observation)
            return None
        if unknown:
            self._add_keys(window, keys)
        if observation.leads_to or observation.follows:
            window = self._link(window, observation.leads_to, observation.follows)
        if window.decided_at is not None and not self._reopen(window, observation):
            return None
        window.last = max(window.last, now)
        return window

    def _let_go(self, window: Window, observation: Observation) -> None:
        """Do not hold what a full window has no room for; that its run has ended counts all the same."""
        self.dropped += 1
        window.overflowed = True
        if window.decided_at is None and (observation.root or observation.kind == "end"):
            window.rooted = True
            self._schedule(window)

    def _reopen(self, window: Window, observation: Observation) -> bool:
        """Open a decided window for something new; False for what it knows."""
        self._unpack(window)
        if window.knows(observation):
            self.duplicates += 1
            return False
        self.late += 1
        self._keep_names(window)
        window.decided_at = None
        self._open += 1
        window.reopened = True
        window.identities = None
        return True

    def _taken_in(self, window: Window, position: int | None) -> None:
        """See to a window that took in what a request told of it."""
        if position is not None:
            self._references.hold(window.now(), position)
        if window.into is None:
            self._schedule(window)

    def _note_layers(self, window: Window, observation: Observation) -> None:
        """Note a span where others may be looked for that tell of the same call in other windows."""
        if self._hosting.note(window, observation):
            self._awaited.append(observation)
        if bare(observation):
            self._calls.add(observation, window)

    # What belongs together

    def _add_keys(self, window: Window, keys: Iterable[str]) -> None:
        weighed = window.size
        for key in keys:
            if key not in window.keys:
                window.add_key(key)
                self._by_key[key] = window
        self._size += window.size - weighed

    def _link(self, window: Window, leads_to: Iterable[str], follows: Iterable[str]) -> Window:
        for leading, keys in ((True, leads_to), (False, follows)):
            for key in keys:
                for other in self._links.meet(window, key, leading=leading):
                    window = self._join(window, other)
        return window

    def _tie_together(self, window: Window) -> Window:
        """Join a window with what its loose messages and its unhosted calls belong to, as far as it has arrived."""
        window.untied = False
        spans, window.unseen = sorted(window.unseen), {}
        seeking, window.seeking = window.seeking, []
        for told in [window.loose[span] for span in spans]:
            ties = loose_ties(told)
            for key in ties.keys:
                window = self._join(window, self._by_key.get(key, window))
                self._add_keys(window, (key,))
            window = self._link(window, ties.leads_to, ties.follows)
        for observation in seeking:
            host = self._hosting.host(window, observation) if seeks(observation) else None
            if host is not None:
                window = self._join(window, host)
            if window.mute and bare(observation):
                window = self._join(window, self._before(window, observation))
        return window

    def _before(self, window: Window, call: Observation) -> Window:
        """Return the window of the call that a bare one without content goes on from; its own where that is unsure."""
        about = self._calls.about(call)
        found = goes_on_from(call, (other for other, _ in about))
        return next((owner for other, owner in about if other is found), window)

    def _adopt(self, outer: Observation) -> None:
        """Join the window of an outer layer's report with those of inner ones that came, and gave up, before it."""
        for window, inner in list(self._hosting.left_alone(outer)):
            host = self._hosting.host(window.now(), inner)
            if host is not None:
                self._join(window.now(), host)

    def _join(self, one: Window, two: Window) -> Window:
        if one is two:
            return one
        keep, gone = (one, two) if one.held >= two.held else (two, one)
        for each in (keep, gone):
            if each.decided_at is not None:
                self._keep_names(each)
        both_decided = one.decided_at is not None and two.decided_at is not None
        self._open += 1 - (one.decided_at is None) - (two.decided_at is None)
        held, weighed = keep.held + gone.held, keep.size + gone.size
        self._references.joining(keep, gone)
        keep.absorb(gone)
        self._observations += keep.held - held
        self._size += keep.size - weighed
        tokens = keep.token, gone.token
        for token in tokens:
            del self._windows[token]
        keep.token = min(keep.token, gone.token)
        keep.reopened |= both_decided
        keep.decided_at = None
        for key in gone.keys:
            self._by_key[key] = keep
        self._windows[keep.token] = keep
        self._hosting.joined(keep, tokens)
        keep.scheduled = float("inf")
        keep.watched = False
        self._schedule(keep)
        return keep

    # When it is judged

    def _schedule(self, window: Window) -> None:
        deadline = window.deadline(self.settings)
        if window.look_at is not None:
            deadline = min(deadline, window.look_at)
        if deadline < window.scheduled:
            window.scheduled = deadline
            heapq.heappush(self._heap, (deadline, window.token))
        if window.decided_at is None:
            self._idle.watch(window)

    def _look(self, window: Window) -> list[Decision]:
        """Return what is certain of a run that goes on."""
        if not self._looks.begin(window):
            return []
        seen = window.seen()
        whole = assemble(seen, "open", self.prices, window.told)
        run = certain_part(self._named(window, whole), seen, window.told)
        if not run.events:
            return []
        window.told |= names(run.events)
        return [self._decision(window, run, 0.0, early=True)]

    def _decide(self, window: Window, now: float) -> list[Decision]:
        if not window.has_event:
            self._forget(window)
            return []
        if now < window.last + window.patience(self.settings):
            decision = self._judge(window, now, "max_age")
            window.decided_at, window.provisional = None, now
            self._open += 1
            window.told |= names(decision.run.events)
            self._schedule(window)
            return [decision]
        return [self._judge(window, now, "root_ended" if window.ended() else "idle")]

    def _judge(self, window: Window, now: float, completeness: Completeness) -> Decision:
        self._open -= window.decided_at is None
        window.decided_at = now
        window.look_at, window.alarmed, window.looked = None, False, window.held
        completeness = "limit" if window.overflowed else completeness
        run = assemble(window.seen(), completeness, self.prices, window.told)
        decision = self._decision(window, self._named(window, run), now - window.last)
        if completeness != "max_age":
            self._conversations.limit = self.settings.conversation_memory
            for gone in decision.absorbed:
                self._conversations.forget(window.sender, run.conversation, gone)
            self._conversations.remember(window.sender, decision.run, now)
        self._schedule(window)
        return decision

    def _decision(self, window: Window, run: Run, waited: float, *, early: bool = False) -> Decision:
        window.revision += 1
        window.told_at = min(window.told_at, self._told)
        self._told += 1
        earlier = self._conversations.earlier(window.sender, run)
        return Decision(window.token, run, window.revision, waited, early, earlier, window.absorbed)

    def _named(self, window: Window, run: Run) -> Run:
        """Return a run under the id that it was first told with."""
        if window.run_id is None:
            known = sorted({self._recalled[trace] for trace in run.trace_ids if trace in self._recalled})
            window.run_id, *gone = dict.fromkeys([name for _, name in known] or [run.id])
            window.absorbed = tuple(gone)
        return run if run.id == window.run_id else msgspec.structs.replace(run, id=window.run_id)

    def _keep_names(self, window: Window) -> None:
        """Have the events of a decided window keep their names: more of it, or another, is about to join them."""
        window.told |= names(assemble(window.seen(), "open", None, window.told).events)

    # What it takes

    def _opened(self, window: Window) -> list[Observation]:
        """Return what a window holds, and look after it where that had to be unpacked."""
        if window.packed and window.into is None:
            self._unpack(window)
            if window.decided_at is None:
                self._idle.watch(window)
        return window.seen()

    def _unpack(self, window: Window) -> None:
        held, weighed = window.held, window.size
        window.unpack()
        self._observations += window.held - held
        self._size += window.size - weighed

    def end_grace(self, share: float) -> int:
        """Forget this share of the decided windows, the first decided first, before their time; return how many."""
        leaving = first_decided(self._windows.values(), share)
        for window in leaving:
            self._forget(window)
        return len(leaving)

    def _evict(self, window: Window, now: float) -> list[Decision]:
        judged = window.decided_at is None and window.has_event
        decisions = [self._judge(window, now, "limit")] if judged else []
        self._forget(window)
        return decisions

    def _forget(self, window: Window) -> None:
        del self._windows[window.token]
        self._open -= window.decided_at is None
        self._observations -= window.held
        self._size -= window.size
        for key in window.keys:
            if self._by_key.get(key) is window:
                del self._by_key[key]
        self._links.forget(window)
        if window.has_bare:
            self._calls.forget(window)
        self._hosting.forget(window)
        self._references.drop(window)
