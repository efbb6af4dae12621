"""From observations to a run: what really happened, each action once, in order."""

from __future__ import annotations

from collections.abc import Sequence

from spanwarden.model.observation import Observation
from spanwarden.model.run import Completeness, Run


def assemble(observations: Sequence[Observation], completeness: Completeness) -> Run:
    """Merge the observations of one window into a run. Pure; the order of the input does not matter."""
    raise NotImplementedError
