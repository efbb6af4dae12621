import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanwarden.effects.scripts import script_calls


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ('await tools.exec_command({cmd: "ls", workdir: "/w"})', [("exec_command", {"cmd": "ls", "workdir": "/w"})]),
        ('tools.exec_command({"cmd": `cat\na`})', [("exec_command", {"cmd": "cat\na"})]),
        ("tools['read_file']({path: 'a\\'b'})", [("read_file", {"path": "a'b"})]),
        ('tools.apply_patch("one\\ntwo")', [("apply_patch", "one\ntwo")]),
        (
            'tools.shell({command: ["ls", "-l"], timeout: 5, cwd: "/w"})',
            [("shell", {"command": ["ls", "-l"], "cwd": "/w"})],
        ),
        ("tools.exec_command({cmd: name, yield: f({a: 1}), x: 'y'})", [("exec_command", {"x": "y"})]),
        ("tools.exec_command(args)", [("exec_command", None)]),
        ("tools.a({x:'1'}); tools.b({y:'2'})", [("a", {"x": "1"}), ("b", {"y": "2"})]),
        ("cat app.py", None),
        ("", None),
    ],
)
def test_calls_of_a_script(text, calls):
    assert script_calls(text) == calls


@given(st.text(alphabet="tools.a({}:'\"`,[])\\ ", max_size=60))
def test_any_text_after_a_call_is_taken(text):
    script_calls("tools.x({" + text)
