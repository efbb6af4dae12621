"""The runs that came before in the same conversation, for rules that look back."""

from __future__ import annotations

from collections import OrderedDict, deque

from spanwarden.model.run import Run
from spanwarden.runs.conversations import MAX_RUNS

MAX_CONVERSATIONS = 1_000


class EarlierRuns:
    """Remembers the last runs of the last conversations, as many as the service does; what is older is forgotten."""

    def __init__(self) -> None:
        self._kept: OrderedDict[str, deque[Run]] = OrderedDict()

    def before(self, run: Run) -> tuple[Run, ...]:
        """Return the runs of the conversation of `run` that were asked for before, oldest first, and keep `run`."""
        if run.conversation is None:
            return ()
        known = self._kept.setdefault(run.conversation, deque(maxlen=MAX_RUNS))
        self._kept.move_to_end(run.conversation)
        if len(self._kept) > MAX_CONVERSATIONS:
            self._kept.popitem(last=False)
        earlier = tuple(known)
        known.append(run)
        return earlier
