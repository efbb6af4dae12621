"""`spanwarden policies`: the built-in packs."""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

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
    click.echo(_text(name), nl=False)


@command.command("copy")
@click.argument("name")
@click.option("-o", "--output", type=_OUTPUT, metavar="FILE", help="Where to; NAME.yaml here if left out.")
@_FORCE
def copy(name: str, output: pathlib.Path | None, force: bool) -> None:
    """Copy a pack into a file, to change it. To only tune a pack, extend it instead: see `init`."""
    text = _text(name)
    _write(output or pathlib.Path(f"{_known(name)}.yaml"), text, force=force)


@command.command("init")
@click.option("-o", "--output", type=_OUTPUT, metavar="FILE", default="policy.yaml", help="Where to; ./policy.yaml.")
@click.option("-t", "--template", "names", multiple=True, metavar="NAME", help="A pack to build on. May be repeated.")
@_FORCE
def init(output: pathlib.Path, names: tuple[str, ...], force: bool) -> None:
    """Begin a policy that extends packs (`minimal` if none is named)."""
    packs = list(dict.fromkeys(_known(name) for name in names or ("minimal",)))
    _write(output, _begun(output.stem, packs), force=force)
    _checked(str(output))


def _known(name: str) -> str:
    """Return the name of a pack as its file has it; `-` and `_` do not matter, nor does `pack:` before it."""
    return _document(name).stem


def _text(name: str) -> str:
    return _document(name).body.decode("utf-8")


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
        f"name: {_quoted(name)}",
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


def _quoted(name: str) -> str:
    import json

    return json.dumps(name)


def _checked(source: str) -> Policy:
    from spanwarden.policy.document import PolicyError
    from spanwarden.policy.loading import load

    try:
        return load(source)
    except PolicyError as error:
        raise UsageError(str(error)) from None


def _write(path: pathlib.Path, text: str, *, force: bool) -> None:
    try:
        with path.open("w" if force else "x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError:
        raise UsageError(f"{path}: there is such a file; --force overwrites it") from None
