from __future__ import annotations

import pytest

from spanwarden.exporters.base import RetrySettings


@pytest.mark.parametrize(
    ("failures", "asked", "jitter", "wait"),
    [
        (1, None, 0.5, 1.0),
        (2, None, 0.5, 1.5),
        (3, None, 0.0, 1.125),
        (50, None, 0.5, 30.0),
        (10_000, None, 1.0, 45.0),
        (1, 7.0, 0.9, 7.0),
        (50, 7.0, 0.9, 30.0),
    ],
)
def test_the_pause_grows_is_spread_and_heeds_the_receiver(
    failures: int, asked: float | None, jitter: float, wait: float
) -> None:
    assert RetrySettings().pause(failures, asked, jitter) == pytest.approx(wait)
