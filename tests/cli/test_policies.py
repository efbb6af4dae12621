"""`spanwarden policies`: packs listed, shown, copied and built upon."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.commands import call
from spanwarden.policy.loading import load, pack_names


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_list_names_every_pack(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "policies", "list")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == list(pack_names())


def test_list_as_json_counts_rules_and_tests(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = call(capsys, "policies", "list", "--json")
    found = {pack["pack"]: pack for pack in map(json.loads, out.splitlines())}
    assert (found["minimal"]["rules"], found["minimal"]["statuses"]) == (3, {"stable": 3})
    assert all(pack["tests"] > pack["rules"] for pack in found.values())


@pytest.mark.parametrize(
    "name", ["soc2", "owasp-llm-top10", "owasp_llm_top10", "pack:minimal", "soc2-trust-services", "hipaa-safeguards"]
)
def test_show_prints_the_pack_as_written(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = call(capsys, "policies", "show", name)
    assert code == 0
    assert "\nrules:\n" in out


@pytest.mark.parametrize("name", ["../minimal", "/etc/passwd", "minimal.yaml", "minimall", "", "..", "a\0b"])
def test_names_that_are_no_pack_read_nothing(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = call(capsys, "policies", "show", name)
    assert (code, out) == (2, "")
    assert "no such pack" in err
    assert call(capsys, "policies", "copy", name)[0] == 2
    assert call(capsys, "policies", "init", "-t", name)[0] == 2
    assert list(Path().iterdir()) == []


def test_the_nearest_pack_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean minimal?" in call(capsys, "policies", "show", "minimall")[2]


def test_copy_writes_a_file_that_loads(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "policies", "copy", "safe-browsing")[0] == 0
    assert load("safe_browsing.yaml").hash == load("pack:safe_browsing").hash
    assert call(capsys, "policies", "copy", "hipaa", "-o", "mine.yaml")[0] == 0
    assert load("mine.yaml").name == "hipaa"


def test_nothing_is_overwritten_without_force(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = folder / "policy.yaml"
    kept.write_text("name: mine\n")
    for arguments in (("copy", "soc2", "-o", "policy.yaml"), ("init",)):
        code, _, err = call(capsys, "policies", *arguments)
        assert (code, kept.read_text()) == (2, "name: mine\n")
        assert "--force" in err
    assert call(capsys, "policies", "init", "--force")[0] == 0
    assert "pack:minimal" in kept.read_text()


def test_init_builds_on_several_packs(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "policies", "init", "-t", "soc2", "-t", "hipaa", "-t", "soc2", "-o", "ours.yaml")[0] == 0
    policy = load("ours.yaml")
    assert policy.name == "ours"
    assert {rule.id.split("-")[0] for rule in policy.rules} == {"soc2", "hipaa"}
    text = Path("ours.yaml").read_text()
    tuned = text.replace("# overrides:", "overrides:").replace("#   soc2-", "  soc2-")
    Path("ours.yaml").write_text(tuned)
    assert tuned != text
    load("ours.yaml")


def test_json_is_written_where_it_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, "policies", "copy", "minimal", "-o", "new/minimal.json")[0] == 0
    assert [rule.id for rule in load("new/minimal.json").rules] == [rule.id for rule in load("pack:minimal").rules]
    assert call(capsys, "policies", "init", "-t", "soc2", "-o", "new/mine.json")[0] == 0
    assert json.loads(Path("new/mine.json").read_text()) == {"name": "mine", "extends": ["pack:soc2"]}
    code, _, err = call(capsys, "policies", "init", "-o", "mine.txt")
    assert code == 2
    assert ".yaml" in err


def test_a_policy_of_the_same_name_is_not_joined_by_another(capsys: pytest.CaptureFixture[str]) -> None:
    Path("minimal.json").write_text("{}")
    code, _, err = call(capsys, "policies", "copy", "minimal")
    assert code == 2
    assert "minimal.json" in err
    assert not Path("minimal.yaml").exists()
    assert call(capsys, "policies", "copy", "minimal", "--force")[0] == 0
    assert Path("minimal.json").read_text() == "{}"
