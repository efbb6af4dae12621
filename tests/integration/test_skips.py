"""What CI makes of a skipped integration test."""

import os
import pathlib
import subprocess
import sys

import pytest

TESTS = pathlib.Path(__file__).resolve().parents[1]
SKIPS = {
    "in_test": "import pytest\n\ndef test_part():\n    pytest.skip('no such part')\n",
    "in_fixture": (
        "import pytest\n\n@pytest.fixture\ndef part():\n    pytest.skip('no such part')\n\n"
        "def test_part(part):\n    pass\n"
    ),
    "in_module": "import pytest\n\npytest.skip('no such part', allow_module_level=True)\n",
}


@pytest.mark.parametrize("where", list(SKIPS))
@pytest.mark.parametrize("ci", ["true", ""])
def test_a_skip_fails_in_ci_and_only_there(tmp_path, where, ci):
    hooks = "from integration.skips import pytest_make_collect_report, pytest_runtest_makereport"
    (tmp_path / "conftest.py").write_text(hooks + "\n", encoding="utf-8")
    (tmp_path / "test_part.py").write_text(SKIPS[where], encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\naddopts = --import-mode=importlib\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={**os.environ, "CI": ci, "PYTHONPATH": str(TESTS)},
        check=False,
    )
    if ci:
        assert done.returncode in {1, 2}, done.stdout
        assert "skipped where nothing may be skipped" in done.stdout
        assert "no such part" in done.stdout
    else:
        assert done.returncode in {0, 5}, done.stdout  # 5: no test was run
        assert "1 skipped" in done.stdout
