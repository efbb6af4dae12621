"""The published JSON Schema says what the loader says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from spanwarden.policy.document import Field, PolicyError
from spanwarden.policy.documents import gather, pack_names
from spanwarden.policy.loading import load
from spanwarden.policy.schema import policy_schema
from spanwarden.policy.shapes import CONTROL_KEYS, SELECTOR_KEYS
from spanwarden.policy.yaml_text import parse

ROOT = Path(__file__).parents[2]
SCHEMA = policy_schema()
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)
FILES = [*sorted((ROOT / "examples" / "policies").glob("*.yaml")), ROOT / "config" / "policy.yaml"]


def test_the_schema_is_one_and_is_published() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    published = (ROOT / "docs" / "policy.schema.json").read_text(encoding="utf-8")
    assert json.loads(published) == SCHEMA, "run make docs"


@pytest.mark.parametrize("source", [*map(str, FILES), *(f"pack:{name}" for name in pack_names())])
def test_every_example_and_pack_fits(source: str) -> None:
    VALIDATOR.validate(gather(source)[-1].root.plain)


def test_every_key_has_a_meaning() -> None:
    missing = [
        f"{name}.{key}"
        for name, shape in SCHEMA["$defs"].items()
        for key, value in shape["properties"].items()
        if not value.get("description", "").endswith(".")
    ]
    assert missing == []


def test_every_selector_key_is_on_the_page() -> None:
    page = (ROOT / "docs" / "policy.md").read_text(encoding="utf-8")
    assert [key for key in SELECTOR_KEYS if f"| `{key}` |" not in page] == []
    for shape in ("aggregate", "loop"):
        keys = SCHEMA["$defs"][shape]["properties"]
        assert [key for key in keys if f"`{key}`" not in page] == []


def accepted(folder: Path, value: Any) -> bool:
    (folder / "p.yaml").write_text(yaml.safe_dump(value), encoding="utf-8")
    try:
        load("p.yaml", folder=folder)
    except PolicyError:
        return False
    return True


_WORDS = st.sampled_from(["a*", "write", "secret", "instruction", "done", "user", "tool_call", "file_read", "x y", ""])
_SCALARS = st.none() | st.booleans() | st.integers(-2, 99) | st.floats(allow_nan=False, width=16) | _WORDS
_VALUES = _SCALARS | st.lists(_WORDS | st.integers(0, 2), max_size=3)
_SELECTORS = st.dictionaries(st.sampled_from([*SELECTOR_KEYS, "tol"]), _VALUES, max_size=3) | _WORDS
_STEPS = (
    _SELECTORS | st.fixed_dictionaries({"within": _WORDS | st.just("5m")}) | st.fixed_dictionaries({"not": _SELECTORS})
)
_BODIES = st.one_of(
    st.fixed_dictionaries({"sequence": st.lists(_STEPS, max_size=3)}),
    st.fixed_dictionaries({"all_of": st.lists(_SELECTORS, max_size=3)}),
    st.fixed_dictionaries({"detect": st.fixed_dictionaries({"of": _SELECTORS})}),
    st.fixed_dictionaries({"loop": st.fixed_dictionaries({"same": _VALUES, "times": _SCALARS})}),
    st.fixed_dictionaries({"flow": st.fixed_dictionaries({"from": _SELECTORS, "to": _SELECTORS, "via": _WORDS})}),
    st.fixed_dictionaries(
        {"aggregate": st.fixed_dictionaries({"op": st.just("count"), "gt": _SCALARS}, optional={"over": _WORDS})}
    ),
)
_POLICIES = st.one_of(
    st.dictionaries(st.sampled_from([*CONTROL_KEYS, "mode", "name", "nmae"]), _VALUES, max_size=3),
    st.builds(lambda body: {"rules": [{"id": "r", **body}]}, _BODIES),
)


@given(_POLICIES)
@settings(max_examples=400, deadline=None)
def test_what_the_loader_takes_fits_the_schema(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    if accepted(tmp_path_factory.mktemp("p"), value):
        plain = Field("p", "", parse(yaml.safe_dump(value).encode(), "p")).plain
        VALIDATOR.validate({} if plain is None else plain)


@pytest.mark.parametrize(
    "text",
    [
        "rulez: []",
        "rules: [{id: r}]",
        "rules: [{id: r, when: 'True', flow: {}}]",
        "rules: [{id: R, when: 'True'}]",
        "rules: [{id: r, when: 'True', severity: hihg}]",
        "rules: [{id: r, when: 'True', mode: off}]",
        "rules: [{id: r, when: 'True', exceptions: [{tool: x}]}]",
        "rules: [{id: r, detect: {of: {tol: x}}}]",
        "rules: [{id: r, loop: {same: [tool], times: 1}}]",
        "rules: [{id: r, aggregate: {op: count, gt: 1, lt: 2}}]",
        "rules: [{id: r, sequence: [a, {within: 5}]}]",
        "agents: {a: {rules: {r: {severty: low}}}}",
        "limits: {max_cost: 5}",
        "tests: [{expect: none}]",
    ],
)
def test_what_the_schema_refuses_the_loader_refuses_too(tmp_path: Path, text: str) -> None:
    value = Field("p", "", parse(text.encode(), "p")).plain
    assert not VALIDATOR.is_valid(value)
    assert not accepted(tmp_path, value)
