"""When runs that go on are looked at, because a rule may have been broken for good, and how often that may be."""

from __future__ import annotations

from collections.abc import Callable

from spanwarden.model.event import Event
from spanwarden.model.observation import Observation
from spanwarden.runs.early import certain, witnessed
from spanwarden.runs.window import Window

_POOL = 100_000


class Looks:
    """How many observations may be looked at before their runs are complete.

    A run may be looked at whenever it has doubled. Beyond that, looks share what all arrivals together have earned,
    one look at one observation each, so that the work stays in proportion to what arrives whatever a sender does.
    """

    def __init__(self) -> None:
        self._earned = _POOL

    def earn(self, count: int) -> None:
        """Note that this many observations have arrived."""
        self._earned = min(_POOL, self._earned + count)

    def watch(self, window: Window, observation: Observation, at: float, alerts: Callable[[Event], bool]) -> None:
        """Note if a rule may have been broken; have the window looked at then, or later if that is too dear now."""
        if not window.alarmed:
            window.alarmed = certain(observation) and alerts(witnessed(observation))
        if window.alarmed and self._affordable(window):
            window.look_at = at

    def begin(self, window: Window) -> bool:
        """Take up the look that a window was due for; False if there is to be none now."""
        window.look_at = None
        # What is untied may be a part of another run, and would be told twice.
        if window.untied or not self._affordable(window):
            return False
        window.alarmed = False
        if window.held < 2 * window.looked:
            self._earned -= window.held
        window.looked = window.held
        return True

    def _affordable(self, window: Window) -> bool:
        return window.held >= 2 * window.looked or window.held <= self._earned
