"""`spanwarden serve`."""

from __future__ import annotations

import asyncio
import pathlib
import sys

import click

from spanwarden.cli.main import UsageError
from spanwarden.cli.options import settings_options
from spanwarden.service.settings import Settings


@click.command("serve")
@settings_options
def command(settings: Settings, folder: pathlib.Path) -> None:
    """Receive OTLP, judge runs, export findings. Without a file everything has its default."""
    from spanwarden.policy.document import PolicyError
    from spanwarden.service.app import Service, StartError
    from spanwarden.service.logs import configure
    from spanwarden.service.memory import tune

    configure(settings.service.telemetry.logs.level)
    tune()
    try:
        service = Service(settings, folder=folder)
        run = service.run()
        if sys.platform != "win32":
            import uvloop

            uvloop.run(run)
        else:
            asyncio.run(run)
    except (StartError, PolicyError) as error:
        raise UsageError(str(error)) from None
