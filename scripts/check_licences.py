"""Prove that everything locked and installed may be shipped with, or used to build, an Apache-2.0 work.

usage: python scripts/check_licences.py

Reads requirements.lock and the metadata of what is installed here; a locked distribution that is not installed (other
platform, other extra) is passed over and counted.
"""

from __future__ import annotations

import importlib.metadata
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

ALLOWED = {
    "0BSD",
    "APACHE-2.0",
    "BSD-2-CLAUSE",
    "BSD-3-CLAUSE",
    "CNRI-PYTHON",
    "ISC",
    "MIT",
    "MIT-0",
    "MPL-2.0",
    "OLDAP-2.8",
    "PSF-2.0",
    "UNLICENSE",
}
"""SPDX names, in capitals. MPL-2.0 binds only the files that carry it, which we use unchanged."""

SPELLINGS = {
    "3-CLAUSE BSD LICENSE": "BSD-3-CLAUSE",
    "APACHE": "APACHE-2.0",  # kubernetes-validate, whose LICENSE is that of version 2.0
    "APACHE 2.0": "APACHE-2.0",
    "APACHE LICENSE, VERSION 2.0": "APACHE-2.0",
    "APACHE SOFTWARE LICENSE": "APACHE-2.0",
    "BSD 2-CLAUSE LICENSE": "BSD-2-CLAUSE",
    "BSD LICENSE": "BSD-3-CLAUSE",
    "ISC LICENSE (ISCL)": "ISC",
    "MIT LICENSE": "MIT",
    "MOZILLA PUBLIC LICENSE 2.0 (MPL 2.0)": "MPL-2.0",
    "PYTHON SOFTWARE FOUNDATION LICENSE": "PSF-2.0",
}
"""How metadata older than SPDX expressions puts it; classifiers are given by their last part."""


def locked(text: str) -> dict[str, str]:
    """Return the normalised name and version of every line of a lock file."""
    pins = re.findall(r"^([A-Za-z0-9._-]+)==([^\s;]+)", text, re.MULTILINE)
    return {normalised(name): version for name, version in pins}


def normalised(name: str) -> str:
    """Return a distribution's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def allowed(expression: str) -> bool:
    """Tell whether an SPDX expression (AND, OR, parentheses) can be met with allowed licences alone."""
    tokens = re.findall(r"[()]|[^\s()]+", expression.upper())
    verdict, rest = _either(tokens)
    return verdict and not rest


def _either(tokens: list[str]) -> tuple[bool, list[str]]:
    verdict, rest = _both(tokens)
    while rest[:1] == ["OR"]:
        other, rest = _both(rest[1:])
        verdict = verdict or other
    return verdict, rest


def _both(tokens: list[str]) -> tuple[bool, list[str]]:
    verdict, rest = _one(tokens)
    while rest[:1] == ["AND"]:
        other, rest = _one(rest[1:])
        verdict = verdict and other
    return verdict, rest


def _one(tokens: list[str]) -> tuple[bool, list[str]]:
    if not tokens:
        return False, []
    if tokens[0] == "(":
        verdict, rest = _either(tokens[1:])
        return verdict and rest[:1] == [")"], rest[1:]
    return tokens[0] in ALLOWED, tokens[1:]


def licence(name: str) -> tuple[str, bool]:
    """Return what an installed distribution says of its licence, and whether that is allowed."""
    metadata = importlib.metadata.metadata(name)
    expression = metadata.get("License-Expression")
    if expression:
        return expression, allowed(expression)
    said = [c.split("::")[-1].strip() for c in metadata.get_all("Classifier", []) if c.startswith("License ::")]
    free = (metadata.get("License") or "").strip().splitlines()
    said = said or free[:1]
    return ", ".join(said) or "nothing", bool(said) and all(allowed(SPELLINGS.get(s.upper(), s)) for s in said)


def main() -> int:
    """Run the command line."""
    pins = locked((ROOT / "requirements.lock").read_text(encoding="utf-8"))
    seen = 0
    wrong = []
    for name in sorted(pins):
        try:
            said, fits = licence(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        seen += 1
        if not fits:
            wrong.append(f"{name}: {said}")
    for line in wrong:
        print(f"licence does not fit Apache-2.0: {line}", file=sys.stderr)
    print(f"licences: {seen} of {len(pins)} locked distributions are installed here, {len(wrong)} do not fit")
    return bool(wrong) or not seen


if __name__ == "__main__":
    raise SystemExit(main())
