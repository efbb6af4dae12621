"""`spanwarden validate`."""

from __future__ import annotations

import pathlib

import click

from spanwarden.cli.main import UsageError
from spanwarden.cli.options import settings_options
from spanwarden.service.settings import Settings


@click.command("validate")
@settings_options
def command(settings: Settings, folder: pathlib.Path) -> None:
    """Check settings and the policies that they name, without starting. Prints nothing when all is well."""
    from spanwarden.policy.document import PolicyError
    from spanwarden.service.app import Service, StartError

    try:
        Service(settings, folder=folder)
    except (PolicyError, StartError) as error:
        raise UsageError(str(error)) from None
