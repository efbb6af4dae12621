"""`spanwarden dialects`, and the page about them."""

from __future__ import annotations

import json
import pathlib
import re

import pytest

from spanwarden.cli.main import main
from spanwarden.dialects.registry import DIALECTS

PAGE = (pathlib.Path(__file__).parents[2] / "docs" / "dialects.md").read_text(encoding="utf-8")
SECTIONS = re.split(r"^(?=#{1,2} )", PAGE, flags=re.MULTILINE)
NAMES = sorted(dialect.name for dialect in DIALECTS)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as stopped:
        main(["dialects", *arguments])
    printed = capsys.readouterr()
    assert (stopped.value.code or 0, printed.err) == (0, "")
    return printed.out


def section(name: str) -> str:
    found = [text for text in SECTIONS if re.match(rf"## [^\n]*\(`{re.escape(name)}`\)\n", text)]
    assert len(found) == 1, f"docs/dialects.md needs one section '## Title (`{name}`)'"
    return found[0]


def test_names_are_unique() -> None:
    assert len(set(NAMES)) == len(NAMES)


def test_json_tells_every_dialect_with_all_it_is_known_by(capsys: pytest.CaptureFixture[str]) -> None:
    told = {item["name"]: item for item in json.loads(run(capsys, "--json"))}
    assert sorted(told) == NAMES
    for dialect in DIALECTS:
        item = told[dialect.name]
        assert tuple(item["scopes"]) == dialect.scopes
        assert tuple(item["keys"]) == dialect.tells
        assert ("traces" in item["signals"], "logs" in item["signals"]) == (bool(dialect.span), bool(dialect.log))
        assert item["scopes"] or item["keys"]
        assert item["versions"]


def test_text_has_every_dialect_and_short_lines(capsys: pytest.CaptureFixture[str]) -> None:
    lines = run(capsys).splitlines()
    assert [line.split()[0] for line in lines if not line.startswith(" ")] == NAMES
    assert max(map(len, lines)) < 250


@pytest.mark.parametrize("name", NAMES)
def test_every_dialect_has_its_section(name: str) -> None:
    text = section(name)
    for part in ("**Switches.**", "**What arrives.**", "**What cannot be seen.**"):
        assert part in text, part


def test_every_section_is_of_a_dialect() -> None:
    titled = re.findall(r"^## [^\n]*\(`([^`]+)`\)$", PAGE, flags=re.MULTILINE)
    assert sorted(titled) == NAMES
