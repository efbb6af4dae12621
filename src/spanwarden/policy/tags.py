"""The public lists that rules are tagged from: OWASP Top 10 for LLM applications and for agents, MITRE ATLAS."""

from __future__ import annotations

import functools
import importlib.resources
from typing import NamedTuple

from spanwarden.policy.document import Field
from spanwarden.policy.yaml_text import parse


class TagList(NamedTuple):
    """A list: the prefix of its tags, its title, the version that we know, and its entries by id."""

    prefix: str
    title: str
    version: str
    entries: dict[str, str]


@functools.cache
def tag_lists() -> dict[str, TagList]:
    """Return the lists by prefix."""
    body = importlib.resources.files("spanwarden.policy").joinpath("tags.yaml").read_bytes()
    found = {}
    for prefix, place in Field("tags.yaml", "", parse(body, "tags.yaml")).mapping().items():
        keys = place.mapping()
        entries = {name: entry.text() for name, entry in keys["entries"].mapping().items()}
        found[prefix] = TagList(prefix, keys["title"].text(), keys["version"].text(), entries)
    return found


def known_tag(tag: str) -> bool:
    """Tell whether a tag is in the list it names; True for a tag that names none of ours."""
    prefix, colon, name = tag.partition(":")
    lists = tag_lists()
    return not colon or prefix not in lists or name in lists[prefix].entries
