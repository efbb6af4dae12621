"""How commands print JSON."""

from __future__ import annotations

import json
from typing import Any

import click


def print_json(value: Any, *, line: bool) -> None:
    """Print a value: on one line, or indented. Lone surrogates and control characters are escaped."""
    click.echo(json.dumps(value, indent=None if line else 2))
