import pytest

from spanwarden.effects.shell.escapes import ansi_c, from_base64, from_base64_utf16, from_hex, printf


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("a", "a"),
        (r"\x41\102\n", "AB\n"),
        (r"A\q", "A\\q"),
        ("\\", "\\"),
        (r"\x", "\\x"),
        (r"\UFFFFFFFF", "\\UFFFFFFFF"),
    ],
)
def test_c_escapes(text, plain):
    assert ansi_c(text) == plain


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ([], ""),
        (["a%sb", "x"], "axb"),
        (["%s ", "x", "y"], "x y "),
        (["%%"], "%"),
        ([r"\x41%b", r"\x42"], "AB"),
        (["--"], ""),
    ],
)
def test_printf(arguments, text):
    assert printf(arguments) == text


def test_hidden_text():
    assert from_base64("Y2F0\nIHg=") == "cat x"
    assert from_base64("/w==") is None
    assert from_hex("63 61 74") == "cat"
    assert from_hex("zz") is None
    assert from_base64_utf16("YwBhAHQA") == "cat"
    assert from_base64_utf16("AA") is None
