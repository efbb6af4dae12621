"""Ties in one direction: who leads to what, and who follows it."""

from __future__ import annotations

from spanwarden.runs.window import Window

MAX_WAITING = 64
"""How many windows are remembered on one side of a key while nothing is on the other; the newest stay."""


class Links:
    """Finds the windows that an observation's `leads_to` and `follows` tie together, whichever comes first."""

    def __init__(self) -> None:
        self._ends: dict[str, tuple[list[Window], list[Window]]] = {}

    def meet(self, window: Window, key: str, *, leading: bool) -> list[Window]:
        """Put a window on one side of a key; return the windows that are now of the same run as it."""
        ends = self._ends.get(key)
        if ends is None:
            ends = self._ends[key] = ([], [])
        own, other = ends if leading else (ends[1], ends[0])
        window.ends[key] = None
        if not other:
            if all(known.now() is not window for known in own):
                own.append(window)
                if len(own) > MAX_WAITING:
                    del own[0]
            return []
        tied = {known.now().token: known.now() for side in ends for known in side}
        tied.pop(window.token, None)
        own[:] = other[:] = [window]
        return list(tied.values())

    def forget(self, window: Window) -> None:
        """Take a window off all its keys."""
        for key in window.ends:
            ends = self._ends.get(key)
            if ends is None:
                continue
            for side in ends:
                side[:] = [known for known in side if known.now() is not window]
            if not ends[0] and not ends[1]:
                del self._ends[key]
