"""docs/metadata.md names every key that metadata can have."""

from __future__ import annotations

import pathlib

from spanwarden.dialects.metadata_keys import NAMES
from spanwarden.policy.classification import LEVELS
from spanwarden.policy.metadata import DERIVED
from spanwarden.policy.metadata_table import CATEGORIES, FIRST

PAGE = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "metadata.md").read_text(encoding="utf-8")


def test_every_name_that_senders_may_use_is_on_the_page() -> None:
    assert [name for name in sorted(NAMES) if f"`{name}`" not in PAGE] == []


def test_every_derived_key_and_value_is_on_the_page() -> None:
    assert {"network_zone", "approval_token", "data_classification"} <= DERIVED
    for word in (*DERIVED, *LEVELS, *CATEGORIES.values(), *FIRST):
        assert f"`{word}`" in PAGE, word
