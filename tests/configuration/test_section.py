from __future__ import annotations

import pytest
from pydantic import Field, ValidationError

from spanwarden.configuration.section import (
    Duration,
    Section,
    Size,
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2s", 2),
        ("1m30s", 90),
        ("200ms", 0.2),
        ("1h", 3600),
        ("1d12h", 129600),
        (5, 5),
        ("0", 0),
        ("1.5s", 1.5),
        ("500us", 0.0005),
    ],
)
def test_durations(text: str | int, seconds: float) -> None:
    assert parse_duration(text) == pytest.approx(seconds)


@pytest.mark.parametrize("text", ["2", "s", "2 s", "-1s", "1w", True, -1, "1s!", "nan"])
def test_no_durations(text: str | int | bool) -> None:
    with pytest.raises(ValueError, match="duration"):
        parse_duration(text)


@pytest.mark.parametrize("seconds", [0, 0.2, 2, 90, 3600, 3661, 86400, 30 * 86400])
def test_a_duration_survives_printing(seconds: float) -> None:
    assert parse_duration(format_duration(seconds)) == pytest.approx(seconds)


@pytest.mark.parametrize(("text", "size"), [("64MiB", 64 << 20), (10, 10), ("1.5KiB", 1536), ("2GB", 2 * 10**9)])
def test_sizes(text: str | int, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["many", "-1", "1 TiB", True, None])
def test_no_sizes(text: object) -> None:
    with pytest.raises(ValueError, match="size"):
        parse_size(text)


@pytest.mark.parametrize("size", [0, 1, 1023, 1024, 3 << 20, 1 << 30])
def test_a_size_survives_printing(size: int) -> None:
    assert parse_size(format_size(size)) == size


def test_a_section_refuses_unknown_keys_and_prints_units() -> None:
    class Example(Section):
        wait: Duration = Field(1.5, description="A wait.")
        room: Size = Field(2048, description="Some room.")

    assert Example().model_dump(mode="json") == {"wait": "1.5s", "room": "2KiB"}
    with pytest.raises(ValidationError, match="extra"):
        Example.model_validate({"weight": 1})
