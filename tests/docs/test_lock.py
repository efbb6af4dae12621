"""requirements.lock holds everything that pyproject.toml asks for, and nothing with an unfit licence."""

import importlib
import pathlib
import re
import sys
import tomllib

import pytest
from packaging.requirements import Requirement

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
check_licences = importlib.import_module("check_licences")
sys.path.pop(0)

LOCK = (ROOT / "requirements.lock").read_text(encoding="utf-8")


def wanted():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = [text for group in project["optional-dependencies"].values() for text in group]
    return [Requirement(text) for text in (*project["dependencies"], *extras)]


@pytest.mark.parametrize("requirement", wanted(), ids=str)
def test_every_dependency_is_locked_at_a_version_it_allows(requirement):
    pins = check_licences.locked(LOCK)
    name = check_licences.normalised(requirement.name)
    assert name in pins, "run make lock"
    assert requirement.specifier.contains(pins[name], prereleases=True), "run make lock"


def test_the_lock_names_versions_and_nothing_else():
    line = re.compile(r"[a-z0-9._-]+==[\w.+!-]+( ; [\w '\"=!<>.()-]+)?")
    assert [text for text in LOCK.splitlines() if not line.fullmatch(text)] == []


@pytest.mark.parametrize(
    ("expression", "fits"),
    [
        ("MIT", True),
        ("Apache-2.0 OR GPL-3.0-only", True),
        ("GPL-3.0-only", False),
        ("MIT AND GPL-2.0-or-later", False),
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("(MIT AND GPL-2.0-only) OR BSD-3-Clause", True),
        ("MIT AND (GPL-2.0-only OR LGPL-3.0-only)", False),
        ("Apache-2.0 WITH LLVM-exception", False),
        ("MIT BSD-3-Clause", False),
        ("(MIT", False),
        ("", False),
    ],
)
def test_licence_expressions(expression, fits):
    assert check_licences.allowed(expression) is fits


def test_what_is_installed_here_fits(capsys):
    assert check_licences.main() == 0, capsys.readouterr().err


def test_a_lock_with_nothing_installed_is_no_pass(monkeypatch, tmp_path):
    (tmp_path / "requirements.lock").write_text("no-such-distribution-of-ours==1.0\n", encoding="utf-8")
    monkeypatch.setattr(check_licences, "ROOT", tmp_path)
    assert check_licences.main()
