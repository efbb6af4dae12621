"""`spanwarden print-config`."""

from __future__ import annotations

from typing import Any

import click
from pydantic import BaseModel

from spanwarden.cli.options import Invocation, settings_options


@click.command("print-config")
@settings_options
def command(invocation: Invocation) -> None:
    """Print the settings in force as YAML: files merged, variables filled in, defaults added, secrets hidden."""
    import yaml

    click.echo(yaml.safe_dump(_plain(invocation.settings), sort_keys=False, default_flow_style=False), nl=False)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        dumped = value.model_dump(mode="json")
        return {name: _plain(getattr(value, name)) if _nested(value, name) else item for name, item in dumped.items()}
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    return value


def _nested(model: BaseModel, name: str) -> bool:
    value = getattr(model, name)
    return isinstance(value, BaseModel) or (isinstance(value, dict) and name == "exporters")
