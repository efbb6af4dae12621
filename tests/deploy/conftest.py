"""Programs that judge deploy/. One that cannot be had skips its tests with the reason; in CI that is a failure."""

import importlib
import pathlib
import shutil
import subprocess
import sys

import pytest

from integration.skips import pytest_make_collect_report, pytest_runtest_makereport

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "scripts"))
get_validators = importlib.import_module("get_validators")
sys.path.pop(0)

__all__ = ["pytest_make_collect_report", "pytest_runtest_makereport"]


def runner(program):
    """Return a function that runs a program and hands back its exit code and all that it said."""

    def run(*arguments, **options):
        done = subprocess.run(
            [str(program), *map(str, arguments)], capture_output=True, text=True, check=False, timeout=300, **options
        )
        return done.returncode, done.stdout + done.stderr

    return run


def fetched(name):
    try:
        return runner(get_validators.find(name))
    except get_validators.UnavailableError as error:
        pytest.skip(str(error))


def present(name):
    program = shutil.which(name)
    return runner(program) if program else pytest.skip(f"{name} is not on this machine")


@pytest.fixture(scope="session")
def promtool():
    return fetched("promtool")


@pytest.fixture(scope="session")
def hadolint():
    return fetched("hadolint")


@pytest.fixture(scope="session")
def kubectl():
    return present("kubectl")


@pytest.fixture(scope="session")
def systemd_analyze():
    return present("systemd-analyze")


@pytest.fixture(scope="session")
def kubernetes_validate():
    pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    return runner(pathlib.Path(sys.executable).with_name("kubernetes-validate"))
