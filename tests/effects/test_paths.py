import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanwarden.effects.paths import normalise_path


@pytest.mark.parametrize(
    ("path", "cwd", "expected"),
    [
        ("a", None, "a"),
        ("./a", None, "a"),
        ("a//b/./c", None, "a/b/c"),
        ("a/../b", None, "b"),
        ("../a", None, "../a"),
        ("../../a/..", None, "../.."),
        ("/a/../../b", None, "/b"),
        ("//a//b/", None, "/a/b"),
        ("a", "/w", "/w/a"),
        ("../a", "/w/x", "/w/a"),
        ("../../../a", "/w", "/a"),
        ("/a", "/w", "/a"),
        ("a", "src", "src/a"),
        ("~", None, "~"),
        ("~/.ssh/../.aws", None, "~/.aws"),
        ("~/../x", None, "~/../x"),
        ("~root/x", "/w", "~root/x"),
        ("$HOME/.ssh", None, "~/.ssh"),
        ("${HOME}/.ssh", "/w", "~/.ssh"),
        ("$HOMEDIR/x", None, "$HOMEDIR/x"),
        ("%USERPROFILE%\\.ssh", None, "~/.ssh"),
        ("c:\\Users\\me\\..\\x", None, "C:/Users/x"),
        ("src\\app.py", None, "src/app.py"),
        ("x", "C:\\w", "C:/w/x"),
        ("file:///etc/passwd", None, "/etc/passwd"),
        ("file:///C:/x", None, "C:/x"),
        (".", None, "."),
        (".", "/w", "/w"),
        ("", "/w", ""),
        ("/", None, "/"),
        (".env", None, ".env"),
        ("...", None, "..."),
        ("./~/x", None, "./~/x"),
        ("./~/x", "/w", "/w/~/x"),
        ("./c:", None, "./c:"),
        ("  a ", None, "a"),
    ],
)
def test_paths_get_one_spelling(path, cwd, expected):
    assert normalise_path(path, cwd) == expected


@given(st.text(alphabet="ab./\\~:$", max_size=30), st.none() | st.text(alphabet="ab./\\~", max_size=12))
def test_a_normal_path_stays_as_it_is(path, cwd):
    once = normalise_path(path, cwd)
    assert normalise_path(once) == once
    assert "//" not in once
    assert "/./" not in once
