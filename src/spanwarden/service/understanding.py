"""Settings that say how what is read is understood: tools, prices, one's own systems. From them, the tables."""

from __future__ import annotations

import difflib
import ipaddress
import pathlib
from collections.abc import Collection
from typing import get_args

from pydantic import Field, field_validator

from spanwarden.configuration.section import Section
from spanwarden.effects.table import DEFAULT_TABLE, Action, ToolTable
from spanwarden.effects.vocabulary import NOUNS
from spanwarden.policy.metadata_table import MetadataTable
from spanwarden.service.price_file import load_prices
from spanwarden.service.pricing import Pricing
from spanwarden.transcripts.tables import Tables

ACTIONS: tuple[Action, ...] = get_args(Action)
SUBJECTS = tuple(NOUNS)
Scalar = str | bool | int | float | None


class EffectsSettings(Section):
    """What one's own tools do, beside what is known of others'."""

    tools: dict[str, tuple[Action, ...]] = Field(
        {}, description="A tool's name (case and punctuation do not matter) to what it does: one action, or a list."
    )
    servers: dict[str, str] = Field({}, description="An MCP server's name to what its tools are about.")

    @field_validator("tools", mode="before")
    @classmethod
    def _known_actions(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {name: _actions(str(name), told) for name, told in value.items()}

    @field_validator("servers")
    @classmethod
    def _known_subjects(cls, value: dict[str, str]) -> dict[str, str]:
        for server, subject in value.items():
            if subject not in SUBJECTS:
                raise ValueError(f"{server}: {_unknown('subject', subject, SUBJECTS)}")
        return value

    def table(self) -> ToolTable:
        """Return the built-in table with these tools and servers. Build it once: tables are compared by identity."""
        if not self.tools and not self.servers:
            return DEFAULT_TABLE
        return DEFAULT_TABLE.extended(self.tools, self.servers)


class CostSettings(Section):
    """Estimates of costs that nothing reported."""

    enabled: bool = Field(
        True, description="Estimate; needs the extra `cost` or a price file, without both costs stay unknown."
    )
    prices: str | None = Field(
        None, description="File of one's own prices, relative to the settings file; they go before the built-in ones."
    )

    def pricing(self, folder: pathlib.Path | None = None) -> Pricing | None:
        """Return what to estimate with, None where nothing is to be estimated. Raises PriceError."""
        if not self.enabled:
            return None
        pricing = Pricing(load_prices((folder or pathlib.Path()) / self.prices) if self.prices else None)
        return pricing or None


class MetadataSettings(Section):
    """What is known of one's own systems, for metadata."""

    own_hosts: tuple[str, ...] = Field(
        (), description="Domains (each with what is below it), addresses and networks that count as internal."
    )
    approved_hosts: tuple[str, ...] = Field(
        (), description="Outside domains that may be used: `domain_approved` and `vendor_approved`."
    )
    environment: str | None = Field(None, description="Where agents run, for records that do not say: production.")
    tools: dict[str, dict[str, Scalar]] = Field({}, description="Metadata by the name of a tool.")
    hosts: dict[str, dict[str, Scalar]] = Field({}, description="Metadata by a host, with what is below it.")
    paths: dict[str, dict[str, Scalar]] = Field({}, description="Metadata by a shell glob of a path.")

    @field_validator("own_hosts")
    @classmethod
    def _networks(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for listed in value:
            if "/" in listed:
                try:
                    ipaddress.ip_network(listed, strict=False)
                except ValueError:
                    raise ValueError(f"{listed!r} is no network, such as 10.0.0.0/8") from None
        return value

    def table(self) -> MetadataTable:
        """Return the table that metadata is derived by."""
        return MetadataTable(self.own_hosts, self.approved_hosts, self.environment, self.tools, self.hosts, self.paths)


def tables(
    effects: EffectsSettings, cost: CostSettings, metadata: MetadataSettings, folder: pathlib.Path | None = None
) -> Tables:
    """Return the tables that the settings describe; files are looked up in `folder`. Raises PriceError."""
    return Tables(effects.table(), cost.pricing(folder), metadata.table())


def _actions(tool: str, told: object) -> tuple[str, ...]:
    actions = (told,) if isinstance(told, str) else tuple(told) if isinstance(told, list | tuple) else ()
    if not actions:
        raise ValueError(f"{tool}: expected an action or a list of actions")
    for action in actions:
        if action not in ACTIONS:
            raise ValueError(f"{tool}: {_unknown('action', action, ACTIONS)}")
    return actions


def _unknown(what: str, given: object, known: Collection[str]) -> str:
    near = difflib.get_close_matches(str(given)[:60], known, n=1, cutoff=0.5)
    hint = f", did you mean {near[0]!r}?" if near else f"; known: {', '.join(known)}"
    return f"unknown {what} {str(given)[:60]!r}{hint}"
