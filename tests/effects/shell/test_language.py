"""The table of commands, hostile text, and how the work grows."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spanwarden.effects.limits import MAX_EFFECTS, MAX_TEXT
from spanwarden.effects.shell.language import shell_effects
from spanwarden.effects.shell.syntax import Syntax


def table():
    cases = []
    for block in Path(__file__).with_name("commands.txt").read_text().split("\n\n"):
        lines = [line for line in block.splitlines() if not line.startswith("#")]
        if not lines:
            continue
        command = "\n".join(line[2:] for line in lines if line[:2] in {"$ ", "> "})
        cases.append((command, {line for line in lines if line[:2] not in {"$ ", "> "}}))
    return cases


CASES = table()


def spelled(effects):
    """Spell effects as the table does; the plain `shell` effect goes without saying."""
    lines = set()
    for effect in effects:
        if effect.kind == "shell":
            lines |= {f"shell | {effect.detail}"} if effect.detail else set()
        else:
            lines.add(" | ".join(filter(None, (effect.kind, effect.target or "-", effect.detail))))
    return lines


def test_the_table_is_as_wide_as_promised():
    assert len(CASES) >= 300
    assert len({command for command, _ in CASES}) == len(CASES)


@pytest.mark.parametrize(("command", "effects"), CASES, ids=[command for command, _ in CASES])
def test_a_command_has_its_effects(command, effects):
    found = shell_effects(command)
    assert spelled(found) == effects
    assert found[0].kind == "shell"
    assert found[0].target == command


@pytest.mark.parametrize(
    ("words", "target", "last"),
    [
        (["bash", "-lc", "cat .env"], "cat .env", "file_read | .env"),
        (["cat", "a b"], "cat 'a b'", "file_read | a b"),
        (["/bin/sh", "-c", "rm x"], "rm x", "file_write | x | delete"),
        (["powershell.exe", "-Command", "Remove-Item x"], "Remove-Item x", "file_write | x | delete"),
        (["rm x"], "rm x", None),
    ],
)
def test_a_list_of_words_is_a_command(words, target, last):
    effects = shell_effects(words)
    assert effects[0].target == target
    assert spelled(effects) == ({last} if last else set())


@pytest.mark.parametrize("nothing", [None, "", "  ", [], [1], 7, {}])
def test_a_call_without_a_command_is_shell_still(nothing):
    (effect,) = shell_effects(nothing)
    assert effect.kind == "shell"


HOSTILE = {
    "parentheses": "(",
    "substitutions": "$(",
    "quoted substitutions": '"$(',
    "pipes": "a|",
    "inputs": "<",
    "here-documents": "cat <<E\n",
    "backticks": "`",
    "mixed": "if (( [[ {",
    "braces": "${",
    "lists": "a&&",
    "arrays": "a=(",
    "brace words": "{a,b}",
    "wrappers": "sudo ",
    "evals": "eval ",
    "open quotes": '"',
    "defaults": "${a:-",
    "doubling": "a=$a$a;",
    "cmdlets": "Get-Content ",
    "functions": "f(){ ",
    "cases": "case a in a)",
    "finds": "find . -exec ",
}


@pytest.mark.parametrize("piece", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_bounded(piece):
    text = (piece * MAX_TEXT)[: MAX_TEXT + 10]
    effects = shell_effects(text)
    assert 1 <= len(effects) <= MAX_EFFECTS + 4
    assert effects[0].kind == "shell"
    assert sum(len(effect.target or "") for effect in effects) <= (MAX_EFFECTS + 4) * MAX_TEXT


@pytest.mark.parametrize(
    "piece", ["cat a; ", "echo $(cat b) ", "x=1; echo $x; ", "a && ", "for f in a b; do cat $f; done; "]
)
def test_work_grows_with_the_text_and_not_faster(piece):
    def work(times):
        syntax = Syntax(piece * times)
        commands = sum(1 for _ in syntax.commands())
        return syntax.visited + commands

    assert work(400) <= 2.1 * work(200)


@settings(max_examples=400, deadline=None)
@given(st.text(max_size=200))
def test_any_text_is_taken(text):
    assert shell_effects(text)[0].kind == "shell"


WORDS = """cat curl rm -rf .env https://e.com | && ; $( ) ` ' " <<EOF EOF > >> < { } ( bash -c sudo eval for in do done
    if then fi $x ${x:-y} x=1 \\ find -exec git push python3 - é [[ (( <( <<< tar xargs base64 -d printf %s = env
    Get-Content iex powershell -enc QQ=="""
PIECES = st.sampled_from([*WORDS.split(), "\n", "\0", "\ud800", "$'\\x41'"])


@settings(max_examples=600, deadline=None)
@given(st.lists(PIECES, max_size=30), st.sampled_from(["", " "]))
def test_any_order_of_shell_words_is_taken(pieces, glue):
    effects = shell_effects(glue.join(pieces))
    assert effects[0].kind == "shell"
    assert len(effects) <= MAX_EFFECTS + 4
