"""Options that several commands share."""

from __future__ import annotations

import functools
import pathlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from spanwarden.cli.main import UsageError

if TYPE_CHECKING:
    from spanwarden.service.settings import Settings
    from spanwarden.transcripts.tables import Tables

T = TypeVar("T")


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
        files = _files(sources)
        invocation = Invocation(settings, _folder(files), files, functools.partial(load, sources, overrides))
        function(invocation, **rest)

    return wrapped


def tables_options(function: Callable[..., T]) -> Callable[..., T]:
    """Add --config and --no-estimates; the command gets the `Tables` that they come to first."""

    @click.option(
        "--config",
        "sources",
        multiple=True,
        metavar="SOURCE",
        help="Settings to take processors.effects, .cost and .metadata from; see serve. May be repeated.",
    )
    @click.option("--no-estimates", is_flag=True, help="Leave a cost that nothing reported unknown.")
    @functools.wraps(function)
    def wrapped(sources: tuple[str, ...], no_estimates: bool, **rest: Any) -> T:
        return function(_tables(sources, estimates=not no_estimates), **rest)

    return wrapped


def _tables(sources: tuple[str, ...], *, estimates: bool) -> Tables:
    from spanwarden.transcripts.tables import Tables

    if not sources:
        # Without settings none are loaded: a command on one file should start at once.
        from spanwarden.service.pricing import Pricing

        return Tables(prices=(Pricing() or None) if estimates else None)
    from spanwarden.service.loading import SettingsError, load
    from spanwarden.service.price_file import PriceError
    from spanwarden.service.understanding import tables

    try:
        processors = load(sources).processors
        found = tables(processors.effects, processors.cost, processors.metadata, _folder(_files(sources)))
    except SettingsError as error:
        raise UsageError(str(error)) from None
    except PriceError as error:
        raise UsageError(f"processors.cost.prices: {error}") from None
    return found if estimates else found._replace(prices=None)


def _files(sources: tuple[str, ...]) -> tuple[pathlib.Path, ...]:
    return tuple(pathlib.Path(s.removeprefix("file:")) for s in sources if not s.startswith(("env:", "yaml:")))


def _folder(files: tuple[pathlib.Path, ...]) -> pathlib.Path:
    """Return what relative files in settings are relative to."""
    return files[-1].parent if files else pathlib.Path()
