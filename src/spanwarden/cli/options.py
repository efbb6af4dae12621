"""Options that several commands share."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from spanwarden.cli.main import UsageError

if TYPE_CHECKING:
    from spanwarden.service.settings import Settings


class Invocation(NamedTuple):
    """What --config and --set came to."""

    settings: Settings
    folder: pathlib.Path
    files: tuple[pathlib.Path, ...]
    load: Callable[[], Settings]


def settings_options(function: Callable[..., None]) -> Callable[..., None]:
    """Add --config and --set; the command gets an `Invocation` first."""

    @click.option(
        "--config",
        "sources",
        multiple=True,
        metavar="SOURCE",
        help="Settings file, or env:NAME, or yaml:TEXT. May be repeated; later ones win.",
    )
    @click.option("--set", "overrides", multiple=True, metavar="KEY=VALUE", help="Set one key, e.g. a.b.c=1.")
    @functools.wraps(function)
    def wrapped(sources: tuple[str, ...], overrides: tuple[str, ...], **rest: Any) -> None:
        from spanwarden.service.loading import SettingsError, load

        try:
            settings = load(sources, overrides)
        except SettingsError as error:
            raise UsageError(str(error)) from None
        files = tuple(pathlib.Path(s.removeprefix("file:")) for s in sources if not s.startswith(("env:", "yaml:")))
        folder = files[-1].parent if files else pathlib.Path()
        invocation = Invocation(settings, folder, files, functools.partial(load, sources, overrides))
        function(invocation, **rest)

    return wrapped
