"""What a record has of the conventions' names, whatever else it carries and however often it was asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanwarden.dialects import genai_keys as keys
from spanwarden.dialects import genai_names
from spanwarden.dialects.genai_names import MAX_CHOICES, MAX_KEYS, MAX_LENGTH, MAX_SETS, names_of

ASKED = sorted(genai_names._ASKED)
OTHERS = ("http.request.method", "gen_ai.request.temperature", "server.port", "", "gen_ai.prompt.1.role")


def there(group: tuple[str, ...], attributes: dict[str, bytes]) -> tuple[str, ...]:
    return tuple(name for name in group if name in attributes)


@given(st.lists(st.sampled_from([*ASKED, *OTHERS]), unique=True, max_size=40))
def test_every_group_has_the_names_that_are_there_in_its_order(sent: list[str]) -> None:
    attributes = dict.fromkeys(sent, b"")
    for _ in range(2):
        names = names_of(attributes)
        for field, group in genai_names._GROUPS.items():
            assert getattr(names, field) == there(group, attributes)
        counted = {field: there(group, attributes) for field, group in keys.USAGE.items()}
        assert names.usage == {field: group for field, group in counted.items() if group}


def test_what_one_program_sends_is_worked_out_once() -> None:
    sent = {keys.OPERATION: b"", "server.port": b""}
    again = {"".join(key): value for key, value in sent.items()}
    assert names_of(sent) is names_of(again)
    assert names_of({**sent, "another": b""}) is names_of(sent), "of the same names of the conventions"


@pytest.mark.parametrize("hostile", ["many", "long", "different"])
def test_what_is_remembered_is_bounded(hostile: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(genai_names, "_BY_KEYS", {})
    monkeypatch.setattr(genai_names, "_BY_NAMES", {})
    for number in range(3 * MAX_SETS):
        if hostile == "many":
            sent = {f"{number}.{at}": b"" for at in range(MAX_KEYS + 1)}
        elif hostile == "long":
            sent = {f"{number}".ljust(MAX_LENGTH + 1): b""}
        else:
            sent = {str(number): b"", **{ASKED[bit]: b"" for bit in range(11) if number >> bit & 1}}
        names_of(sent)
    assert len(genai_names._BY_KEYS) <= (MAX_SETS if hostile == "different" else 0)
    assert len(genai_names._BY_NAMES) <= MAX_CHOICES
