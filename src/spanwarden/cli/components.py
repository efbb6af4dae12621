"""`spanwarden components`."""

from __future__ import annotations

import click


@click.command("components")
def command() -> None:
    """List the receivers, processors, exporters and extensions in this build, as YAML."""
    from importlib.metadata import version

    import yaml

    from spanwarden.service.components import EXTENSIONS, PROCESSORS, RECEIVERS, exporter_factories

    def listed(table: dict[str, str]) -> list[dict[str, str]]:
        return [{"name": name, "description": text} for name, text in table.items()]

    exporters = [
        {"name": name, "description": factory.description, "stability": factory.stability}
        for name, factory in exporter_factories().items()
    ]
    build = {
        "buildinfo": {"command": "spanwarden", "version": version("spanwarden")},
        "receivers": listed(dict(RECEIVERS)),
        "processors": listed(dict(PROCESSORS)),
        "exporters": exporters,
        "extensions": listed(dict(EXTENSIONS)),
    }
    click.echo(yaml.safe_dump(build, sort_keys=False), nl=False)
