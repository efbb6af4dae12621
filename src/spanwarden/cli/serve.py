"""`spanwarden serve`."""

from __future__ import annotations

import asyncio
import sys

import click

from spanwarden.cli.main import UsageError
from spanwarden.cli.options import Invocation, settings_options


@click.command("serve")
@settings_options
def command(invocation: Invocation) -> None:
    """Receive OTLP, judge runs, export findings. Without a file everything has its default."""
    from spanwarden.policy.document import PolicyError
    from spanwarden.service.app import Service, Sources, StartError
    from spanwarden.service.logs import configure
    from spanwarden.service.memory import tune

    settings = invocation.settings
    configure(settings.service.telemetry.logs.level, settings.service.telemetry.logs.encoding)
    tune()
    try:
        service = Service(settings, folder=invocation.folder, sources=Sources(invocation.load, invocation.files))
        run = service.run()
        if sys.platform != "win32":
            import uvloop

            uvloop.run(run)
        else:
            asyncio.run(run)
    except (StartError, PolicyError) as error:
        raise UsageError(str(error)) from None
