"""The user's own tools reach every dialect: none asks for effects past the table in force."""

from __future__ import annotations

import ast
import pathlib

import pytest

import spanwarden.dialects
from spanwarden.dialects.base import Sightings
from spanwarden.dialects.reading import observe
from spanwarden.effects.classify import effects_of
from spanwarden.effects.table import DEFAULT_TABLE
from spanwarden.model.event import Effect
from spanwarden.otlp import files
from spanwarden.otlp.requests import decode

MODULES = sorted(pathlib.Path(spanwarden.dialects.__file__).parent.glob("*.py"))
CAPTURES = sorted((pathlib.Path(__file__).parents[1] / "corpus" / "otlp").iterdir())


def test_no_dialect_classifies_tools_by_itself() -> None:
    """`Sightings.effects` knows the table; `effects_of` called by a dialect would not."""
    for path in MODULES:
        if path.name == "base.py":
            continue
        tree = ast.parse(path.read_text("utf-8"))
        imported = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
        assert "spanwarden.effects.classify" not in imported, f"{path.name}: call out.effects(...) instead"


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.name)
def test_a_tool_of_the_table_is_read_by_it_in_every_capture(capture: pathlib.Path) -> None:
    requests = [decode(r.signal, r.body) for r in files.read(capture)]
    plain = [o for r in requests for o in observe(r, 0) if o.kind == "tool_call" and o.tool]
    table = DEFAULT_TABLE.extended(tools={o.tool: ("pay",) for o in plain if o.tool})
    told = [o for r in requests for o in observe(r, 0, table) if o.kind == "tool_call" and o.tool]
    assert len(told) == len(plain)
    judged = [(one, two) for one, two in zip(plain, told, strict=True) if one.effects]
    for one, two in judged:
        assert [(e.kind, e.detail) for e in two.effects] == [("network_send", "payment")], one.tool
    assert judged


def test_the_table_reaches_the_tools_that_a_script_calls() -> None:
    table = DEFAULT_TABLE.extended(tools={"acme_wipe": ("file_delete",)})
    script = {"code": 'await tools.acme_wipe({"path": "a.txt"})'}
    assert Effect("file_write", "a.txt", "delete") in effects_of("exec", script, table=table)


def test_effects_are_not_worked_out_where_only_content_is_wanted() -> None:
    assert Sightings(0, loading=True).effects("bash", {"command": "ls"}) == ()
    assert Sightings(0).effects("bash", {"command": "ls"}) != ()
