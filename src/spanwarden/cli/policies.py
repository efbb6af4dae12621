"""`spanwarden policies`: the built-in packs."""

from __future__ import annotations

import json
import pathlib
from typing import TYPE_CHECKING, Any

import click

from spanwarden.cli.main import UsageError
from spanwarden.cli.printing import print_json

if TYPE_CHECKING:
    from spanwarden.policy.documents import Document
    from spanwarden.policy.policy import Policy

_OUTPUT = click.Path(dir_okay=False, path_type=pathlib.Path)
_FORCE = click.option("--force", is_flag=True, help="Overwrite the file if there is one.")


@click.group("policies")
def command() -> None:
    """List, show and copy the built-in packs, or begin a policy of your own with them."""


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: an object a pack.")
def list_packs(as_json: bool) -> None:
    """List the packs."""
    from spanwarden.policy.loading import load, pack_names
    from spanwarden.policy.overview import summary

    found = [summary(name, load(f"pack:{name}")) for name in pack_names()]
    if as_json:
        for pack in found:
            print_json(pack, line=True)
        return
    width = max(len(pack["pack"]) for pack in found)
    for pack in found:
        click.echo(f"{pack['pack']:<{width}}  {pack['rules']:>2} rules  {pack['description'].partition('. ')[0]}")


@command.command("show")
@click.argument("name")
def show(name: str) -> None:
    """Print a pack as it is written."""
    click.echo(_document(name).body.decode("utf-8"), nl=False)


@command.command("copy")
@click.argument("name")
@click.option("-o", "--output", type=_OUTPUT, metavar="FILE", help="Where to; NAME.yaml here if left out.")
@_FORCE
def copy(name: str, output: pathlib.Path | None, force: bool) -> None:
    """Copy a pack into a YAML or JSON file, to change it. To only tune a pack, extend it instead: see `init`."""
    document = _document(name)
    path = _chosen(output, document.stem, force=force)
    text = document.body.decode("utf-8")
    _write(path, text if path.suffix.lower() != ".json" else _as_json(document.root.plain), force=force)


@command.command("init")
@click.option("-o", "--output", type=_OUTPUT, metavar="FILE", help="Where to; policy.yaml here if left out.")
@click.option("-t", "--template", "names", multiple=True, metavar="NAME", help="A pack to build on. May be repeated.")
@_FORCE
def init(output: pathlib.Path | None, names: tuple[str, ...], force: bool) -> None:
    """Begin a policy that extends packs (`minimal` if none is named)."""
    packs = list(dict.fromkeys(_known(name) for name in names or ("minimal",)))
    path = _chosen(output, "policy", force=force)
    if path.suffix.lower() == ".json":
        text = _as_json({"name": path.stem, "extends": [f"pack:{pack}" for pack in packs]})
    else:
        text = _begun(path.stem, packs)
    _write(path, text, force=force)
    _checked(str(path))


def _chosen(output: pathlib.Path | None, stem: str, *, force: bool) -> pathlib.Path:
    """Return the file to write; without a name of the user's own, none beside a policy that is called the same."""
    from spanwarden.policy.documents import SUFFIXES

    if output is not None:
        if output.suffix.lower() not in SUFFIXES:
            raise UsageError(f"{output}: a policy is a {', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]} file")
        return output
    for suffix in () if force else SUFFIXES:
        if pathlib.Path(stem + suffix).exists():
            raise UsageError(f"{stem}{suffix}: there is such a policy; --force writes {stem}.yaml, -o another file")
    return pathlib.Path(f"{stem}.yaml")


def _as_json(value: Any) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _known(name: str) -> str:
    """Return the name of a pack as its file has it; `-` and `_` do not matter, nor does `pack:` before it."""
    return _document(name).stem


def _document(name: str) -> Document:
    from spanwarden.policy.document import PolicyError
    from spanwarden.policy.documents import PACK, read_pack

    try:
        return read_pack(PACK + name.removeprefix(PACK))
    except PolicyError as error:
        raise UsageError(str(error)) from None


def _begun(name: str, packs: list[str]) -> str:
    lines = [
        "# A policy of your own: the packs it builds on, and what is different here. Every key is in docs/policy.md.",
        f"name: {json.dumps(name)}",
        "extends:",
        *(f"  - pack:{pack}" for pack in packs),
        "",
        "# overrides:",
        *(f"#   {rule}: {{mode: monitor}}" for rule in _some_rules(packs)),
        "",
        "# rules: []",
        "# tests: []",
    ]
    return "\n".join(lines) + "\n"


def _some_rules(packs: list[str]) -> list[str]:
    return [_checked(f"pack:{pack}").rules[0].id for pack in packs]


def _checked(source: str) -> Policy:
    from spanwarden.policy.document import PolicyError
    from spanwarden.policy.loading import load

    try:
        return load(source)
    except PolicyError as error:
        raise UsageError(str(error)) from None


def _write(path: pathlib.Path, text: str, *, force: bool) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path}: there is such a file; --force overwrites it") from None
