"""docs/metadata.md names every key that metadata can have."""

from __future__ import annotations

import pathlib
import re

from spanwarden.dialects.metadata_keys import NAMES
from spanwarden.policy.classification import LEVELS
from spanwarden.policy.metadata_table import CATEGORIES, FIRST

PAGE = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "metadata.md").read_text(encoding="utf-8")
POLICY = pathlib.Path(__file__).resolve().parents[2] / "src" / "spanwarden" / "policy" / "metadata.py"


def test_every_name_that_senders_may_use_is_on_the_page() -> None:
    assert [name for name in sorted(NAMES) if f"`{name}`" not in PAGE] == []


def test_every_derived_key_and_value_is_on_the_page() -> None:
    text = POLICY.read_text(encoding="utf-8")
    derived = set(re.findall(r'(?:(?:known|facts)\[|= \{)"(\w+)"(?:\]|:)', text))
    assert {"network_zone", "approval_token", "data_classification"} <= derived
    for word in (*derived, *LEVELS, *CATEGORIES.values(), *FIRST):
        assert f"`{word}`" in PAGE, word
