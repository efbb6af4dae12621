import pytest

from spanwarden.effects.shell.options import split


@pytest.mark.parametrize(
    ("words", "options", "rest"),
    [
        (["-ofile", "x"], [("-o", "file")], ["x"]),
        (["-vo", "file", "x"], [("-v", None), ("-o", "file")], ["x"]),
        (["--out", "file", "--flag", "x"], [("--out", "file"), ("--flag", None)], ["x"]),
        (["--other=1", "x", "-v"], [("--other", "1"), ("-v", None)], ["x"]),
        (["-v", "--", "-o", "x"], [("-v", None)], ["-o", "x"]),
        (["-", "x"], [], ["-", "x"]),
        (["x", "-o"], [], ["x"]),
    ],
)
def test_options_come_off(words, options, rest):
    arguments = split(words, "o", {"--out"})
    assert arguments.options == options
    assert arguments.rest == rest


def test_a_wrappers_options_end_at_the_command():
    assert split(["-u", "root", "rm", "-u"], "u", posix=True).rest == ["rm", "-u"]
