import pytest

from spanwarden.exporters.retry_after import seconds_to_wait

NOW = 1_790_000_000.0  # Mon, 21 Sep 2026 14:13:20 GMT


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("999999999", 3600.0),
        ("Mon, 21 Sep 2026 14:13:50 GMT", 30.0),
        ("Mon, 21 Sep 2026 14:13:50", 30.0),
        ("Mon, 21 Sep 2026 14:00:00 GMT", 0.0),
        ("-3", None),
        ("1.5", None),
        ("٣", None),
        ("soon", None),
        ("", None),
        ("Mon, 99 Sep 2026 14:13:50 GMT", None),
        ("9" * 1000, None),
        (None, None),
    ],
)
def test_seconds_and_dates_are_read_and_nonsense_is_not(value, seconds):
    assert seconds_to_wait(value, NOW) == seconds
