"""Characters that the grammar's scanner cannot take, in a process of their own: the failure is a crash."""

import subprocess
import sys

import pytest

from spanwarden.effects.shell.syntax import Syntax

PROGRAM = """
import random
from spanwarden.effects.shell.syntax import Syntax
choice = random.Random(SEED)
for _ in range(4000):
    text = "".join(
        chr(choice.randrange(0x10000, 0x110000)) if choice.random() < 0.5 else choice.choice("{}$<(`'\\"; a=#~-\\n")
        for _ in range(choice.randrange(1, 60))
    )
    for command in Syntax(text).commands():
        pass
"""


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_no_character_crashes_the_parser(seed):
    done = subprocess.run([sys.executable, "-c", PROGRAM.replace("SEED", str(seed))], capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cat été.txt", [["cat", "été.txt"]]),
        ('cat "naïve 😀" 日本', [["cat", "naïve 😀", "日本"]]),
        ("名=x; cat 名", [["名=x"], ["cat", "名"]]),
        ("cat a\u00a0b", [["cat", "a\u00a0b"]]),
        ("cat <<é\nx\né\ncat y", [["cat"], ["cat", "y"]]),
    ],
)
def test_words_of_any_script_are_kept(text, words):
    assert [command.words for command in Syntax(text).commands()] == words


def test_a_name_in_several_pieces_is_noted():
    syntax = Syntax("c''at x")
    assert [command.words for command in syntax.commands()] == [["cat", "x"]]
    assert syntax.obfuscated
