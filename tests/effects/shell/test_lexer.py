import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanwarden.effects.shell.lexer import commands_of


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cat a; rm 'b c'", [["cat", "a"], ["rm", "b c"]]),
        ('cat "a\\"b"', [["cat", 'a"b']]),
        ("cat a\\ b | sh", [["cat", "a b"], ["sh"]]),
        ("echo $(cat x)", [["echo"], ["cat", "x"]]),
        ("if x; then cat y; fi", [["x"], ["cat", "y"], []]),
        ("cat 'never closed", [["cat", "never closed"]]),
    ],
)
def test_simple_commands(text, words):
    assert [command.words for command in commands_of(text, escape="\\")] == words


def test_redirections_and_pipelines():
    first, second = commands_of("cat < in | tee out 2> err >> log", escape="\\")
    assert [tuple(r) for r in first.redirects] == [("<", "in")]
    assert [tuple(r) for r in second.redirects] == [(">", "err"), (">>", "log")]
    assert second.upstream == (first,)


@given(st.text(alphabet="ab|<>;&\"'`\\$(){} \n2", max_size=60), st.sampled_from("\\`"))
def test_any_text_is_taken(text, escape):
    for command in commands_of(text, escape=escape):
        assert len(command.words) <= len(text)
