"""Build the Collector that the integration tests run, with the Collector's own builder, into build/collector.

usage: python scripts/build_collector.py

Needs Go and a module proxy. What is built from tests/integration/collector/builder.yaml is kept until that file or the
version of Go changes.
"""

from __future__ import annotations

import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

import yaml

ROOT = pathlib.Path(__file__).resolve().parent.parent
MANIFEST = ROOT / "tests" / "integration" / "collector" / "builder.yaml"
FOLDER = ROOT / "build" / "collector"
BUILDER = "go.opentelemetry.io/collector/cmd/builder"
TIMEOUT = 1800.0
"""Seconds that a build from nothing may take; on two cores it takes a few minutes."""


class UnavailableError(Exception):
    """The Collector cannot be built on this machine; the text says why in one line."""


def find() -> pathlib.Path:
    """Return the path of the Collector, built if need be. Raises UnavailableError."""
    go = shutil.which("go")
    if go is None:
        raise UnavailableError("the Collector cannot be built: there is no go here")
    manifest = MANIFEST.read_bytes()
    dist = yaml.safe_load(manifest)["dist"]
    stamp = hashlib.sha256(manifest + _run([go, "env", "GOVERSION"]).encode()).hexdigest()
    kept = FOLDER / f"{dist['name']}-{stamp[:16]}"
    if not kept.is_file():
        FOLDER.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
            _build(go, dist["version"], pathlib.Path(folder))
            for old in FOLDER.glob(f"{dist['name']}-*"):
                old.unlink()
            (pathlib.Path(folder) / dist["name"]).replace(kept)
    return kept


def _build(go: str, version: str, folder: pathlib.Path) -> None:
    # The builder reads the folder from its file alone.
    manifest = yaml.safe_load(MANIFEST.read_bytes())
    manifest["dist"]["output_path"] = str(folder)
    (folder / "builder.yaml").write_text(yaml.safe_dump(manifest), encoding="utf-8")
    _run([go, "run", f"{BUILDER}@v{version}", "--config", str(folder / "builder.yaml"), "--ldflags=-s -w"])


def _run(command: list[str]) -> str:
    # A working folder without a Go module, and flags that make the outcome the same wherever it is built.
    flags = f"{os.environ.get('GOFLAGS', '')} -trimpath -buildvcs=false".strip()
    try:
        done = subprocess.run(
            command,
            cwd=MANIFEST.parent,
            env={**os.environ, "GOFLAGS": flags, "GOWORK": "off", "CGO_ENABLED": "0"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        raise UnavailableError(f"{' '.join(command[:3])}: not done after {TIMEOUT:g} s") from None
    if done.returncode:
        said = [line.strip() for line in done.stderr.splitlines() if line.strip() and "downloading" not in line]
        reasons = [line for line in said if ": " in line and not line.startswith("exit status")]
        raise UnavailableError(f"{' '.join(command[:3])}: {(reasons or said or ['failed'])[-1]}")
    return done.stdout


def main() -> int:
    """Run the command line."""
    begun = time.monotonic()
    try:
        path = find()
    except UnavailableError as error:
        print(f"build_collector.py: {error}", file=sys.stderr)
        return 1
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size >> 20} MiB, {time.monotonic() - begun:.0f} s")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
