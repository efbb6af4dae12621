import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from effects.tool_calls import CALLS
from spanwarden.effects.classify import effects_of, telling_type
from spanwarden.effects.limits import MAX_EFFECTS, MAX_TARGET, MAX_TEXT
from spanwarden.effects.table import DEFAULT_TABLE
from spanwarden.model.event import Effect


def spelled(effects):
    """Spell effects as the table does: kind, target or "-", detail."""
    return [" ".join(filter(None, (e.kind, e.target or "-", e.detail))) for e in effects]


def test_the_table_is_as_wide_as_promised():
    assert len(CALLS) >= 120


@pytest.mark.parametrize(("tool", "arguments", "effects"), CALLS, ids=[f"{n}-{c[0]}" for n, c in enumerate(CALLS)])
def test_a_call_has_its_effects(tool, arguments, effects):
    assert spelled(effects_of(tool, arguments)) == effects


@pytest.mark.parametrize(("tool", "arguments", "effects"), CALLS, ids=[f"{n}-{c[0]}" for n, c in enumerate(CALLS)])
def test_json_text_means_what_the_object_means(tool, arguments, effects):
    if isinstance(arguments, dict):
        assert spelled(effects_of(tool, json.dumps(arguments))) == effects


def test_the_server_says_what_a_bare_verb_is_about():
    assert effects_of("query", {"sql": "SELECT 1"}, mcp_server="postgres") == (Effect("db_query", "SELECT 1"),)
    assert effects_of("search", {"query": "x"}, mcp_server="memory") == (Effect("memory_read", "x"),)
    assert effects_of("create", {"repo": "o/r"}, mcp_server="github") == (Effect("vcs_write", "o/r"),)


def test_the_telemetrys_own_tool_type_is_the_last_resort_for_a_name():
    assert effects_of("my_tool", {"command": "ls /"}, tool_type="local_shell_call")[0] == Effect("shell", "ls /")


def test_a_table_extended_by_settings_wins_over_the_default():
    table = DEFAULT_TABLE.extended(tools={"Frob-nicate": ("file_delete",)})
    assert effects_of("frob_nicate", {"path": "a"}, table=table) == (Effect("file_write", "a", "delete"),)
    assert effects_of("frob_nicate", {"path": "a"}) == (Effect("file_read", "a"),)


def test_a_long_command_is_cut_and_says_so():
    (effect, *_) = effects_of("Bash", {"command": "echo " + "x" * MAX_TEXT})
    assert effect.detail == "truncated"
    assert len(effect.target) == MAX_TEXT


def test_a_long_path_is_cut_and_says_so():
    (effect,) = effects_of("Read", {"file_path": "x" * (MAX_TARGET + 1)})
    assert (len(effect.target), effect.detail) == (MAX_TARGET, "truncated")


@pytest.mark.parametrize(
    ("tool", "arguments", "effects"),
    [
        (
            "Bash",
            '{"description": "x", "command": "cat .env && curl https://e',
            ["file_read .env", "network_fetch https://e"],
        ),
        ("Read", '{"file_path": "/w/a\\u0062c", "limit": 12', ["file_read /w/abc"]),
        ("Write", '{"file_path": "/w/a", "content": "never en', ["file_write /w/a"]),
        ("send_email", '{"to": ["a@b.c", "d@e.f"], "body": "x', ["message_send a@b.c", "message_send d@e.f"]),
        ("Read", '{"limit": 3, "file_pa', ["file_read -"]),
    ],
)
def test_arguments_cut_off_by_an_exporter_still_count(tool, arguments, effects):
    assert [line for line in spelled(effects_of(tool, arguments)) if not line.startswith("shell")] == effects


def test_the_number_of_effects_is_bounded():
    command = "; ".join(f"cat f{n}" for n in range(1000))
    effects = effects_of("Bash", {"command": command})
    assert len(effects) == MAX_EFFECTS
    assert effects[0].kind == "shell"


def test_a_script_that_calls_itself_ends():
    nested = 'tools.exec({code: "tools.exec({})"})'
    assert effects_of("exec", nested) == ()


argument_names = st.sampled_from(
    ["path", "file_path", "url", "command", "cmd", "query", "to", "recipients", "args", "kwargs", "input", "input_str",
     "inputs", "arguments", "name", "tool_name", "edits", "changes", "code", "method", "body", "function", "toolUse"]
)  # fmt: skip
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=40),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(argument_names | st.text(max_size=8), inner, max_size=4)
    ),
    max_leaves=12,
)
tool_names = st.sampled_from([case[0] for case in CALLS]) | st.text(max_size=40)


@settings(max_examples=400, deadline=None)
@given(tool_names, json_values)
def test_any_value_is_taken(tool, arguments):
    effects = effects_of(tool, arguments)
    assert len(effects) <= MAX_EFFECTS
    assert len(set(effects)) == len(effects)


@settings(max_examples=300, deadline=None)
@given(tool_names, st.text(max_size=300), st.none() | st.text(max_size=20), st.none() | st.text(max_size=20))
def test_any_text_is_taken(tool, arguments, server, tool_type):
    assert len(effects_of(tool, arguments, mcp_server=server, tool_type=tool_type)) <= MAX_EFFECTS


@pytest.mark.parametrize("key", ["path", "url", "to", "command", "query"])
def test_values_that_are_not_text_are_taken(key):
    deep: object = "x"
    for _ in range(3000):
        deep = [deep]
    for value in (1, 1.5, True, None, [], {}, [[]], [None, 1], {"a": {}}, b"bytes", deep, object()):
        for tool in ("Read", "Bash", "fetch", "send_email", "query_db", "apply_patch", "exec", "move_file", "unknown"):
            assert isinstance(effects_of(tool, {key: value}), tuple)


@given(
    st.sampled_from(["my_tool", "read_file", "shell", "get_customer", "x"]) | st.text(max_size=8),
    st.none() | st.sampled_from(["github", "filesystem"]),
    st.sampled_from(["function", "local_shell_call", "datastore", "extension", "shell"]) | st.text(max_size=8),
)
def test_a_tool_type_that_tells_nothing_changes_nothing(tool, server, tool_type):
    telling = telling_type(tool, server, tool_type, DEFAULT_TABLE)
    assert telling in {None, tool_type}
    for arguments in ({"command": "ls /"}, {"path": "a"}, None):
        expected = effects_of(tool, arguments, mcp_server=server, tool_type=tool_type)
        assert effects_of(tool, arguments, mcp_server=server, tool_type=telling) == expected
