import pytest

from spanwarden.effects.inline import awk_files, code_effects, commands_in
from spanwarden.model.event import Effect


@pytest.mark.parametrize(
    ("code", "effects"),
    [
        ("open('a')", [Effect("file_read", "a")]),
        ("open('a', mode='wb')", [Effect("file_write", "a")]),
        ("Path('a').read_text()", [Effect("file_read", "a")]),
        ("Path('a').write_text('x')", [Effect("file_write", "a")]),
        ("shutil.rmtree('/w')", [Effect("file_write", "/w", "delete")]),
        ("fs.writeFileSync(`out`, x)", [Effect("file_write", "out")]),
        ("requests.get('https://e.com/a')", [Effect("network_fetch", "https://e.com/a")]),
        ("requests.post('https://e.com/a', data=x)", [Effect("network_send", "https://e.com/a")]),
        ("fetch('https://e.com', {method: 'POST'})", [Effect("network_send", "https://e.com")]),
        ("print(1)", []),
    ],
)
def test_what_a_program_names(code, effects):
    assert code_effects(code) == effects


def test_commands_that_a_program_starts():
    assert commands_in("os.system('ls'); subprocess.run(\"cat x\", shell=True)") == ["ls", "cat x"]


def test_files_of_an_awk_program():
    assert awk_files('{print > "out"; while ((getline l < "in") > 0) n++}') == [
        Effect("file_write", "out"),
        Effect("file_read", "in"),
    ]
