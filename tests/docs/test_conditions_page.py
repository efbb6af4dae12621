"""docs/conditions.md names all that conditions know, and its examples are policies."""

from __future__ import annotations

import pathlib
import re

import pytest

from spanwarden.policy.expressions import scopes, steps, syntax, work
from spanwarden.policy.loading import load

PAGE = (pathlib.Path(__file__).resolve().parents[2] / "docs" / "conditions.md").read_text(encoding="utf-8")
CODE = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`\n]+)`", PAGE))))


@pytest.mark.parametrize(
    "word",
    sorted(
        {*scopes.EVENT.names, *scopes.EVENT.functions, *scopes.APART, *scopes.TROY.names, *scopes.TROY.functions}
        | {*scopes.TEXT_METHODS, *scopes.OBJECT_METHODS, *scopes.FIELDS, *scopes.STEP_KEYS, *steps.RUN_ATTRIBUTES}
    ),
)
def test_every_name_is_documented(word: str) -> None:
    assert word in CODE


def test_fields_of_events_are_those_that_conditions_can_ask_for() -> None:
    assert {*steps.EVENT_ATTRIBUTES, *steps.EVENT_LOADED, "index"} == scopes.FIELDS


@pytest.mark.parametrize(
    "limit", [syntax.MAX_TEXT, syntax.MAX_NODES, syntax.MAX_DEPTH, syntax.MAX_LOOPS, syntax.MAX_LITERAL, work.MAX_WORK]
)
def test_every_limit_is_documented(limit: int) -> None:
    assert f"{limit:,}" in PAGE


@pytest.mark.parametrize(("language", "suffix"), [("yaml", ".yaml"), ("json", ".json")])
def test_examples_are_policies(tmp_path: pathlib.Path, language: str, suffix: str) -> None:
    found = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found
    for text in found:
        path = tmp_path / f"example{suffix}"
        path.write_text(text)
        assert load(str(path)).rules
