"""`spanwarden validate`."""

from __future__ import annotations

import click

from spanwarden.cli.main import UsageError
from spanwarden.cli.options import Invocation, settings_options


@click.command("validate")
@settings_options
def command(invocation: Invocation) -> None:
    """Check settings and the policies that they name, without starting. Prints nothing when all is well."""
    from spanwarden.policy.document import PolicyError
    from spanwarden.service.app import Service, StartError

    try:
        Service(invocation.settings, folder=invocation.folder)
    except (PolicyError, StartError) as error:
        raise UsageError(str(error)) from None
