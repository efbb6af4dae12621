import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanwarden.effects.naming import actions_of, words_of
from spanwarden.effects.table import DEFAULT_TABLE, squashed


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("read_file", ["read", "file"]),
        ("readFile", ["read", "file"]),
        ("HTTPPost", ["http", "post"]),
        ("NotebookEdit", ["notebook", "edit"]),
        ("mcp__a-b__getURL2", ["mcp", "a", "b", "get", "url2"]),
        ("___", []),
    ],
)
def test_words_of_a_name(name, words):
    assert words_of(name) == words


@pytest.mark.parametrize(
    ("name", "server", "actions"),
    [
        ("mcp__files__read_file", None, ("file_read",)),
        ("mcp_files_read_file", "files", ("file_read",)),
        ("files-read_file", None, ("file_read",)),
        ("functions.read_file", None, ("file_read",)),
        ("acme_plugin_read_file", None, ("file_read",)),
        ("search_contacts_by_email", None, ()),
        ("append_to_file", None, ("file_append",)),
        ("search", "github", ("vcs_read",)),
        ("READ_FILE", None, ("file_read",)),
        ("frobnicate", None, ()),
    ],
)
def test_what_a_name_says(name, server, actions):
    assert actions_of(name, server, DEFAULT_TABLE) == actions


def test_names_are_remembered_but_not_without_end():
    for number in range(6000):
        actions_of(f"tool_{number}", None, DEFAULT_TABLE)
    assert actions_of.cache_info().currsize <= 4096


def test_every_action_of_the_table_has_a_reader():
    from spanwarden.effects.readers import effects_for

    actions = {
        action for row in (DEFAULT_TABLE.tools, DEFAULT_TABLE.grid) for found in row.values() for action in found
    }
    for action in actions:
        assert isinstance(list(effects_for(action, {}, None, DEFAULT_TABLE)), list)


@given(st.text(st.characters(max_codepoint=127), max_size=90))
def test_plain_names_split_and_squash_as_all_others_do(name):
    assert words_of(f"é_{name}")[1:] == words_of(name)
    assert squashed(f"é{name}")[1:] == squashed(name)
